/** The thread of a WalkWorker: answers each request with what it found. */
import { parentPort } from 'node:worker_threads';
import { linux } from './linux.js';
import { noFinds } from './finds.js';
import { walkTable } from './walk-tables.js';
import type { WalkRequest } from './walk-worker.js';

parentPort?.on('message', ({ pids, ...request }: WalkRequest) => {
  const finds = noFinds();
  for (const pid of pids) walkTable({ linux, ...request }, pid, null, finds);
  parentPort?.postMessage(finds);
});
