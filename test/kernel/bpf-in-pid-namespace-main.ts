// Run as the first process of a pid namespace: prints what the iterators tell there.
import { closeSync } from 'node:fs';
import { BpfIterators } from '../../src/kernel/bpf-iterators.js';
import { nsfsDevice } from '../../src/kernel/netns.js';
import { TUN_MAJOR, TUN_MINOR } from '../../src/kernel/tun.js';
import { openTun } from '../stage/tun.js';

const iterators = BpfIterators.load();
const fd = openTun();
const targets = { major: TUN_MAJOR, minor: TUN_MINOR, majors: [], nsfs: nsfsDevice() };
const files = (await iterators.openFiles(targets)).filter(({ device }) => device !== null);
// The compiler of the loader is a child.
const tasks = (await iterators.tasks()).filter(({ pid }) => pid === process.pid);
console.log(
  JSON.stringify({
    pid: process.pid,
    tasks: tasks.map(({ tid }) => tid),
    files: files.map(({ pid, tid }) => [pid, tid]),
  }),
);
closeSync(fd);
iterators.close();
