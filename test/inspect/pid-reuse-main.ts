// The process behind pid-reuse.test.ts, in a pid namespace of its own, where nobody else takes pids.
import assert from 'node:assert/strict';
import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { closeSync, readFileSync, writeFileSync } from 'node:fs';
import { DEVICE_PREFIX } from '../stage/leaks.js';
import { IFF_NO_PI, IFF_TAP, openQueue, setPersist } from '../stage/tun.js';
import { called, holderPids, inspectorOn, scanned } from './inspecting.js';
import { interrupted, killNow, momentsOf, STEPS, type Moment } from './moments.js';

const TAP = IFF_TAP | IFF_NO_PI;
const LAST_PID = '/proc/sys/kernel/ns_last_pid';

/** Not a child of this process: the first process of the namespace, a shell, reaps it. */
function holderOf(queue: number): number {
  const { stdout } = spawnSync('sh', ['-c', 'sleep 600 > /dev/null & echo $!'], {
    stdio: ['ignore', 'pipe', 'inherit', queue],
    encoding: 'utf8',
  });
  return Number(stdout);
}

/** A process with this pid, and with `queue` under the number that its predecessor had one at. */
function successorAt(pid: number, queue: number): ChildProcess {
  for (let attempt = 1; attempt <= 50; attempt++) {
    writeFileSync(LAST_PID, String(pid - 1));
    const child = spawn('tail', ['-f', '/dev/null'], { stdio: ['ignore', 'ignore', 2, queue] });
    if (child.pid === pid) return child;
    child.kill('SIGKILL');
  }
  throw new Error(`pid ${pid} was not given again`);
}

function startTimeOf(pid: number): number {
  return Number(readFileSync(`/proc/${pid}/stat`, 'utf8').split(' ')[21]);
}

async function holderIsSucceeded(moment: Moment): Promise<void> {
  const [device, other] = [`${DEVICE_PREFIX}a`, `${DEVICE_PREFIX}b`];
  // This process, which is no holder, keeps them open: no count tells when the holder ends, so that
  // nothing makes the scan look again.
  const queues = [openQueue(device, TAP), openQueue(other, TAP)] as const;
  for (const queue of queues) setPersist(queue, true);
  const pid = holderOf(queues[0]);
  const another = holderOf(queues[1]);
  const startTime = startTimeOf(pid);
  let successor: ChildProcess | undefined;
  const { kernel, happened } = interrupted(moment, { pid, device }, () => {
    killNow(pid);
    successor = successorAt(pid, queues[1]);
  });
  // Start times are told in hundredths of a second, and those two must differ.
  await new Promise((resolve) => setTimeout(resolve, 20));
  const inspector = inspectorOn(kernel);
  try {
    const [binding] = called(await inspector.scan(), device);
    assert.ok(happened());
    assert.ok(binding !== undefined);
    for (const { process } of binding.holders) {
      assert.deepEqual([process.pid, process.startTime], [pid, startTime]);
      assert.deepEqual([process.comm, process.commandLine], ['sleep', ['sleep', '600']]);
    }
    assert.equal(binding.verdict, binding.holders.length === 0 ? 'HIDDEN' : 'HELD');
    const next = await scanned(inspector);
    assert.deepEqual(called(next, device).map(holderPids), [[]]);
    const [others] = called(next, other);
    assert.ok(others !== undefined);
    assert.deepEqual(
      holderPids(others),
      [pid, another].sort((a, b) => a - b),
    );
  } finally {
    successor?.kill('SIGKILL');
    killNow(another);
    for (const queue of queues) closeSync(queue);
    spawnSync('ip', ['link', 'del', device]);
    spawnSync('ip', ['link', 'del', other]);
  }
}

for (const moment of momentsOf(STEPS)) {
  try {
    await holderIsSucceeded(moment);
  } catch (error) {
    console.error(`right ${moment.when} ${moment.step}:`, error);
    process.exitCode = 1;
  }
}
