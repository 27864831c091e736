// Threads with a descriptor table of their own: found by comparing, and when they are searched for.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { thisHost } from '../../src/inspect/host.js';
import { linux, type Linux } from '../../src/inspect/linux.js';
import { Pace } from '../../src/inspect/pace.js';
import { searchThreadTables, ThreadTables } from '../../src/inspect/thread-tables.js';
import { KernelError } from '../../src/kernel/kernel-error.js';
import type { Binding } from '../../src/model/binding.js';
import { missing } from '../stage/ability.js';
import { leaderless } from '../stage/leaderless.js';
import { setStage } from '../stage/stage.js';
import { bindingOf, inspectorOn, scanned } from './inspecting.js';

const skip = missing('root', 'tun', 'netns');

/** Each holder's pid, and its descriptors with the thread that owns them. */
function holding({ holders }: Binding): [number, [number | null, number][]][] {
  return holders.map(({ process, fds }) => [
    process.pid,
    fds.map(({ tid, fd }): [number | null, number] => [tid, fd]),
  ]);
}

test('a thread that alone has the descriptor is a holder, scan by scan', { skip }, async (t) => {
  const stage = setStage(t);
  const device = stage.deviceName();
  const agent = await stage.agent([stage.queue(device)]);
  const tid = await agent.threadWithOwnTable();
  await agent.close(3);
  const inspector = inspectorOn();
  for (const scan of ['first', 'second', 'third']) {
    const binding = bindingOf(await scanned(inspector), device, stage.home);
    assert.equal(binding.verdict, 'HELD', scan);
    assert.deepEqual(holding(binding), [[agent.pid, [[tid, 3]]]], scan);
  }
});

test(
  'a thread that shares the open file with another process is a holder, though no queue is missing',
  { skip },
  async (t) => {
    const stage = setStage(t);
    const device = stage.deviceName();
    const agent = await stage.agent([stage.queue(device)]);
    const child = await agent.spawn([3]);
    const tid = await agent.threadWithOwnTable();
    await agent.close(3);
    const binding = bindingOf(await scanned(inspectorOn()), device, stage.home);
    assert.equal(binding.verdict, 'HELD');
    assert.deepEqual(
      new Map(holding(binding)),
      new Map<number, unknown>([
        [agent.pid, [[tid, 3]]],
        [child, [[null, 3]]],
      ]),
    );
    assert.equal(new Set(binding.holders.flatMap(({ fds }) => fds.map((fd) => fd.queue))).size, 1);
  },
);

test('a search takes little of the time, unless it is asked for', { skip }, async () => {
  let compared = 0;
  const kernel: Linux = {
    ...linux,
    compareFdTables: (tid1, tid2) => {
      compared++;
      return linux.compareFdTables(tid1, tid2);
    },
  };
  const host = thisHost('/proc', kernel);
  const tables = new ThreadTables();
  await tables.current(host, new Pace(), false);
  const first = compared;
  assert.ok(first > 0);
  await tables.current(host, new Pace(), false);
  assert.equal(compared, first);
  await tables.current(host, new Pace(), true);
  assert.ok(compared > first);
});

test('threads that share a table are one, also without their first thread', { skip }, async (t) => {
  const stage = setStage(t);
  const skipPython = missing('initial-root', 'command:python3');
  if (skipPython !== false) {
    t.skip(skipPython);
    return;
  }
  const { pid, tid } = await leaderless(stage, [], { more: 3 });
  assert.equal(linux.listNumbers(`/proc/${pid}/task`).length, 5);
  const tables = await searchThreadTables(thisHost(), new Pace());
  assert.deepEqual(
    tables.filter((table) => table.pid === pid),
    [{ pid, tid, own: true }],
  );
});

test('threads with a table each are all found, with few comparisons', { skip }, async (t) => {
  const stage = setStage(t);
  const agent = await stage.agent();
  const tids: number[] = [];
  for (let i = 0; i < 12; i++) tids.push(await agent.threadWithOwnTable());
  const pairs: [number, number][] = [];
  const kernel: Linux = {
    ...linux,
    compareFdTables: (tid1, tid2) => {
      if (tids.includes(tid1) && tids.includes(tid2)) pairs.push([tid1, tid2]);
      return linux.compareFdTables(tid1, tid2);
    },
  };
  const tables = await searchThreadTables(thisHost('/proc', kernel), new Pace());
  assert.deepEqual(
    tables.filter(({ pid }) => pid === agent.pid),
    tids.sort((a, b) => a - b).map((tid) => ({ pid: agent.pid, tid, own: true })),
  );
  // Each against each would be 66.
  assert.ok(pairs.length <= 12 * 4, `${pairs.length} comparisons`);
});

test(
  'where tables cannot be compared, what the process has itself is not told of its threads',
  { skip },
  async (t) => {
    const stage = setStage(t);
    const [shared, lonely] = [stage.deviceName(), stage.deviceName()];
    const agent = await stage.agent([stage.queue(shared), stage.queue(lonely)]);
    const tid = await agent.threadWithOwnTable();
    await agent.close(4);
    const kernel: Linux = {
      ...linux,
      compareFdTables: () => {
        throw new KernelError('kcmp', 'ENOSYS');
      },
    };
    const scan = await scanned(inspectorOn(kernel));
    assert.deepEqual(holding(bindingOf(scan, shared, stage.home)), [[agent.pid, [[null, 3]]]]);
    // All threads of the agent but one lack it as well: that one is told.
    assert.deepEqual(holding(bindingOf(scan, lonely, stage.home)), [[agent.pid, [[tid, 4]]]]);
  },
);
