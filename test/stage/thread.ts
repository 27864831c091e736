// A thread that shares less with its process than threads usually do: unshare(2).
import { createRequire } from 'node:module';
import { Worker } from 'node:worker_threads';
import { once } from 'node:events';

// As text, and not as TypeScript: the loader that makes that work does not reach threads.
const THREAD = `
const { parentPort, workerData } = require('node:worker_threads');
const { readlinkSync } = require('node:fs');
const koffi = require(workerData.koffi);
const unshare = koffi.load(null).func('int unshare(int flags)');
if (unshare(workerData.flags) !== 0) throw new Error('unshare: errno ' + koffi.errno());
parentPort.postMessage(Number(readlinkSync('/proc/thread-self').replace(/^.*\\//, '')));
parentPort.on('message', () => undefined);
`;

/** Starts it, for as long as the process lives. Gives its id. */
export async function startThread(flags: number): Promise<number> {
  const koffi = createRequire(import.meta.url).resolve('koffi');
  const worker = new Worker(THREAD, { eval: true, workerData: { flags, koffi } });
  const [tid] = (await once(worker, 'message')) as [number];
  return tid;
}
