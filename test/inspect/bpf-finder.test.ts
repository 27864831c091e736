// The BPF finder finds what the /proc finder finds, on the same processes.
import assert from 'node:assert/strict';
import { openSync } from 'node:fs';
import { test } from 'node:test';
import { bpfFinder, type Iterators } from '../../src/inspect/bpf-finder.js';
import { procFinder } from '../../src/inspect/find.js';
import type { Finds } from '../../src/inspect/finds.js';
import { thisHost } from '../../src/inspect/host.js';
import { linux, type Linux } from '../../src/inspect/linux.js';
import { Pace } from '../../src/inspect/pace.js';
import { KernelError } from '../../src/kernel/kernel-error.js';
import { missing } from '../stage/ability.js';
import { bpfOfFile } from '../stage/bpf.js';
import { leaderless } from '../stage/leaderless.js';
import { addMacvtap, missingMacvtap, openMacvtap } from '../stage/macvtap.js';
import { setStage } from '../stage/stage.js';
import { openTun } from '../stage/tun.js';

const { skip, iterators } = bpfOfFile();
// Opens what it keeps open before any test looks for leaks.
const host = thisHost();

/** Of these processes: tables with the descriptors of devices, and who was seen. */
function foundOf({ tables, seen, denied }: Finds, pids: readonly number[]) {
  return {
    tables: tables
      .filter(({ pid, devices }) => pids.includes(pid) && devices.length > 0)
      .map(({ pid, tid, devices }) => ({
        pid,
        tid,
        devices: devices
          .map(({ fd, major, minor }) => ({ fd, major, minor }))
          .sort((a, b) => a.fd - b.fd),
      }))
      .sort((a, b) => a.pid - b.pid || (a.tid ?? 0) - (b.tid ?? 0)),
    seen: seen.filter((pid) => pids.includes(pid)),
    denied: [...denied.keys()].filter((pid) => pids.includes(pid)),
  };
}

async function foundByBpf(pids: readonly number[]) {
  return foundOf(await bpfFinder(iterators()).find(host, new Pace(), true), pids);
}

/** What both find; fails where they differ. */
async function foundByBoth(...pids: number[]) {
  const byProc = foundOf(await procFinder(null).find(host, new Pace(), true), pids);
  assert.deepEqual(await foundByBpf(pids), byProc);
  return byProc;
}

test('holders, and processes that hold nothing', { skip }, async (t) => {
  const stage = setStage(t);
  const holder = await stage.holder([
    stage.queue(stage.deviceName()),
    stage.own(openTun()),
    stage.queue(stage.deviceName()),
  ]);
  const other = await stage.holder([]);
  const { tables, seen } = await foundByBoth(holder.pid, other.pid);
  assert.deepEqual(
    tables.map(({ pid, tid, devices }) => [pid, tid, devices.map(({ fd }) => fd)]),
    [[holder.pid, null, [3, 4, 5]]],
  );
  assert.deepEqual(
    seen,
    [holder.pid, other.pid].sort((a, b) => a - b),
  );
});

test('many descriptors, with gaps', { skip }, async (t) => {
  const stage = setStage(t);
  const queue = stage.own(openTun());
  const agent = await stage.agent([queue]);
  const copies: number[] = [];
  for (let i = 0; i < 300; i++) copies.push(await agent.dup(3));
  for (const fd of copies.filter((_, i) => i % 3 === 0)) await agent.close(fd);
  const { tables } = await foundByBoth(agent.pid);
  assert.equal(tables[0]?.devices.length, 201);
});

test(
  'threads with a table of their own, which has what it was copied from',
  { skip },
  async (t) => {
    const stage = setStage(t);
    const agent = await stage.agent([
      stage.queue(stage.deviceName()),
      stage.queue(stage.deviceName()),
    ]);
    const first = await agent.threadWithOwnTable();
    await agent.close(3);
    const second = await agent.threadWithOwnTable();
    await agent.close(4);
    const { tables } = await foundByBoth(agent.pid);
    assert.deepEqual(
      tables.map(({ tid, devices }) => [tid, devices.map(({ fd }) => fd)]),
      [
        [first, [3, 4]],
        [second, [4]],
      ].sort((a, b) => (a[0] as number) - (b[0] as number)),
    );
  },
);

test(
  'threads that are left without their first one, and share a table',
  { skip: skip || missing('command:python3') },
  async (t) => {
    const stage = setStage(t);
    const { pid, tid } = await leaderless(stage, [stage.queue(stage.deviceName())], { more: 4 });
    const { tables } = await foundByBoth(pid);
    assert.deepEqual(
      tables.map((table) => [table.pid, table.tid]),
      [[pid, tid]],
    );
  },
);

test('files of a macvtap, by its node', { skip: skip || missingMacvtap() }, async (t) => {
  const stage = setStage(t);
  const [below, device] = [stage.unheldDevice(), stage.deviceName()];
  addMacvtap(stage, below, device);
  const holder = await stage.holder([await openMacvtap(stage, stage.home, device)]);
  const { tables } = await foundByBoth(holder.pid);
  assert.equal(tables.length, 1);
});

test('processes of a user namespace below', { skip }, async (t) => {
  const stage = setStage(t);
  const holder = await stage.holder([stage.queue(stage.deviceName())], {
    under: ['unshare', '--user', '--map-root-user'],
  });
  const { tables } = await foundByBoth(holder.pid);
  assert.equal(tables.length, 1);
});

test('open files of namespaces are ways into them', { skip }, async (t) => {
  const stage = setStage(t);
  const netns = stage.netns();
  const holder = await stage.holder([stage.own(openSync(netns.path, 'r'))]);
  for (const finder of [procFinder(null), bpfFinder(iterators())]) {
    const { namespaceFiles } = await finder.find(host, new Pace(), true);
    assert.deepEqual(namespaceFiles.get(netns.inode), [`/proc/${holder.pid}/fd/3`], finder.kind);
  }
});

test('this process finds nothing of its own', { skip }, async (t) => {
  const stage = setStage(t);
  stage.queue(stage.deviceName());
  const { tables, seen } = await foundByBoth(process.pid);
  assert.deepEqual({ tables, seen }, { tables: [], seen: [] });
});

/** Iterators that do not show a process, as if something kept it from them. */
function hiding(hidden: number): Iterators {
  const shown = ({ pid }: { pid: number }) => pid !== hidden;
  return {
    openFiles: async (targets) => (await iterators().openFiles(targets)).filter(shown),
    tasks: async () => (await iterators().tasks()).filter(shown),
    close: () => undefined,
  };
}

test('a process that iterators do not show is looked at in /proc', { skip }, async (t) => {
  const stage = setStage(t);
  const holder = await stage.holder([stage.queue(stage.deviceName())]);
  const finds = await bpfFinder(hiding(holder.pid)).find(host, new Pace(), true);
  const { tables, seen } = foundOf(finds, [holder.pid]);
  assert.deepEqual(
    tables.map(({ pid, devices }) => [pid, devices.map(({ fd }) => fd)]),
    [[holder.pid, [3]]],
  );
  assert.deepEqual(seen, [holder.pid]);
});

test('one that /proc does not show either is denied', { skip }, async (t) => {
  const stage = setStage(t);
  const holder = await stage.holder([stage.queue(stage.deviceName())]);
  const kernel: Linux = {
    ...linux,
    walkFdTable: (directory, targets) => {
      if (directory === `/proc/${holder.pid}/fd`) throw new KernelError('open', 'EACCES');
      return linux.walkFdTable(directory, targets);
    },
  };
  const closed = { ...host, linux: kernel };
  const hidden = await bpfFinder(hiding(holder.pid)).find(closed, new Pace(), true);
  assert.equal(hidden.denied.get(holder.pid), 'EACCES');
  assert.ok(!hidden.seen.includes(holder.pid));
  // Iterators show it whatever /proc says.
  const shown = await bpfFinder(iterators()).find(closed, new Pace(), true);
  assert.deepEqual(foundOf(shown, [holder.pid]).denied, []);
  assert.equal(foundOf(shown, [holder.pid]).tables.length, 1);
});
