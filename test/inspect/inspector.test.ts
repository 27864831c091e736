// What an inspector does with a first look that cannot be true, on the real kernel.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { procFinder, type Finder } from '../../src/inspect/find.js';
import { linux, type Linux } from '../../src/inspect/linux.js';
import { isKernelError, KernelError } from '../../src/kernel/kernel-error.js';
import { missing } from '../stage/ability.js';
import { setStage } from '../stage/stage.js';
import { IFF_MULTI_QUEUE, IFF_NO_PI, IFF_TAP, openTun } from '../stage/tun.js';
import { bindingOf, called, holderPids, inspectorOn, scanned } from './inspecting.js';

const skip = missing('root', 'tun', 'netns');
const TAP = IFF_TAP | IFF_NO_PI;
const walk = procFinder(null);

/** The usual finder, and `then` right after each of its walks, with the number of that walk. */
function finderThen(then: (walk: number) => void | Promise<void>): Finder {
  let walks = 0;
  return {
    kind: walk.kind,
    degraded: [],
    find: async (host, pace, thoroughly) => {
      const finds = await walk.find(host, pace, thoroughly);
      await then(++walks);
      return finds;
    },
  };
}

/** Whatever this machine keeps from everybody is not there: else nothing is told to be hidden. */
const seeingAll: Linux = {
  ...linux,
  walkFdTable: (directory, targets) => {
    try {
      return { ...linux.walkFdTable(directory, targets), refused: null };
    } catch (error) {
      throw isKernelError(error, 'EACCES', 'EPERM') ? new KernelError('open', 'ENOENT') : error;
    }
  },
};

test(
  'a process that attaches between walk and count is a holder, and nothing is hidden',
  { skip },
  async (t) => {
    const stage = setStage(t);
    const device = stage.unheldDevice();
    const agent = await stage.agent();
    const finder = finderThen(async (walks) => {
      if (walks === 1) await agent.attach(await agent.open(), device, TAP);
    });
    const binding = bindingOf(await scanned(inspectorOn(linux, finder)), device, stage.home);
    assert.equal(binding.verdict, 'HELD');
    assert.deepEqual(holderPids(binding), [agent.pid]);
  },
);

test('a process that lets go between walk and count is no holder', { skip }, async (t) => {
  const stage = setStage(t);
  const device = stage.unheldDevice();
  const agent = await stage.agent();
  const fd = await agent.open();
  await agent.attach(fd, device, TAP);
  const finder = finderThen(async (walks) => {
    if (walks === 1) await agent.close(fd);
  });
  const binding = bindingOf(await scanned(inspectorOn(linux, finder)), device, stage.home);
  assert.equal(binding.verdict, 'UNHELD');
  assert.deepEqual(binding.holders, []);
});

test('a device that is different at each look is UNKNOWN, as it changes', { skip }, async (t) => {
  const stage = setStage(t);
  const device = stage.deviceName();
  const agent = await stage.agent();
  // A walk later, the queue is found, and the next one is not.
  const finder = finderThen(async (walks) => {
    if (walks <= 3) await agent.attach(await agent.open(), device, TAP | IFF_MULTI_QUEUE);
  });
  const inspector = inspectorOn(linux, finder);
  const during = bindingOf(await scanned(inspector), device, stage.home);
  assert.equal(during.verdict, 'UNKNOWN');
  assert.deepEqual(
    during.reasons.map(({ code }) => code),
    ['CHANGING'],
  );
  const next = bindingOf(await scanned(inspector), device, stage.home);
  assert.equal(next.verdict, 'HELD');
  assert.deepEqual(holderPids(next), [agent.pid]);
});

test(
  'what is hidden is looked for a second time, but not again at each scan',
  { skip },
  async (t) => {
    const stage = setStage(t);
    const device = stage.deviceName();
    // Held by this process, which the finder leaves out.
    stage.queue(device);
    let looks = 0;
    const inspector = inspectorOn(
      seeingAll,
      finderThen((walks) => {
        looks = walks;
      }),
    );
    assert.equal(bindingOf(await scanned(inspector), device, stage.home).verdict, 'HIDDEN');
    assert.ok(looks >= 2);
    // Anything else on this machine may make a scan look twice: one of a few must be quiet.
    const quiet = async () => {
      const before = looks;
      assert.equal(bindingOf(await scanned(inspector), device, stage.home).verdict, 'HIDDEN');
      return looks === before + 1;
    };
    let isQuiet = false;
    for (let attempt = 1; attempt <= 10 && !isQuiet; attempt++) isQuiet = await quiet();
    assert.ok(isQuiet);
  },
);

test(
  'coverage counts what was seen, and each process and namespace that refused',
  { skip },
  async (t) => {
    const stage = setStage(t);
    const [device, netns] = [stage.unheldDevice(), stage.netns()];
    const unlisted = stage.unheldDevice(netns);
    const [denied, unattached] = [
      await stage.holder([]),
      await stage.holder([stage.own(openTun())]),
    ];
    const inspector = inspectorOn({
      ...linux,
      walkFdTable: (directory, targets) => {
        if (directory === `/proc/${denied.pid}/fd`) throw new KernelError('open', 'EACCES');
        return linux.walkFdTable(directory, targets);
      },
      openNetns: (file, inode, nsfs) => {
        if (inode === netns.inode) throw new KernelError('open', 'EPERM');
        return linux.openNetns(file, inode, nsfs);
      },
    });
    const scan = await scanned(inspector);
    const { coverage } = scan;
    assert.equal(coverage.finder, 'PROC');
    assert.ok(coverage.processesSeen >= 1);
    const { processesDenied, deniedProcesses } = coverage;
    assert.equal(deniedProcesses.length, Math.min(processesDenied, 100));
    // A user is refused by all processes of others: those of lower pids may be more than are told.
    const isTold = deniedProcesses.length < 100 || deniedProcesses.at(-1)!.pid >= denied.pid;
    assert.deepEqual(
      deniedProcesses.filter(({ pid }) => pid === denied.pid),
      isTold ? [{ pid: denied.pid, errno: 'EACCES' }] : [],
    );
    assert.ok(!coverage.deniedProcesses.some(({ pid }) => pid === unattached.pid));
    assert.ok(coverage.netnsSeen >= 1);
    assert.deepEqual(
      coverage.deniedNetns.filter(({ inode }) => inode === netns.inode),
      [{ inode: netns.inode, errno: 'EPERM' }],
    );
    assert.ok(coverage.unattachedFds >= 1);
    // The device of which no queue is attached is UNHELD all the same, and the other one is not told.
    assert.equal(bindingOf(scan, device, stage.home).verdict, 'UNHELD');
    assert.deepEqual(called(scan, unlisted), []);
  },
);
