// Scenario 17: macvtap devices, whose files tell no namespace.
import assert from 'node:assert/strict';
import { fstatSync } from 'node:fs';
import { after, before, test } from 'node:test';
import { Finder } from '../../src/gen/tapmap/v1/coverage.js';
import {
  DeviceKind,
  Evidence,
  ReasonCode,
  Verdict,
  type Holder,
  type TapBinding,
} from '../../src/gen/tapmap/v1/tap_binding.js';
import { ChangeType } from '../../src/gen/tapmap/v1/tap_binding_service.js';
import { dup, socket } from '../stage/libc.js';
import { addMacvtap, macvtapNumbers, missingMacvtap, openMacvtap } from '../stage/macvtap.js';
import { removeNetns } from '../stage/netns.js';
import { setStage, type OwnFd } from '../stage/stage.js';
import { attachedTo, IFF_DETACH_QUEUE, setQueue } from '../stage/tun.js';
import { Tapmap } from './tapmap.js';

const skip = missingMacvtap();
let tapmap: Tapmap;
before(async () => {
  if (skip === false) tapmap = await Tapmap.start();
});
after(async () => {
  if (skip === false) await tapmap.stop();
});

const ADDRESS = '02:00:00:00:00:17';
const OTHER_ADDRESS = '02:00:00:00:00:18';

function pidsOf({ holders }: TapBinding): (number | undefined)[] {
  return holders.map(({ process }) => process?.pid);
}

function codesOf({ reasons }: TapBinding): ReasonCode[] {
  return reasons.map(({ code }) => code);
}

/** Evidence and candidates. */
type Claim = readonly [Evidence, number];
const PROVEN: Claim = [Evidence.EVIDENCE_IOCTL, 0];
const SEEN: Claim = [Evidence.EVIDENCE_BPF, 0];
const NAME_OF_TWO: Claim = [Evidence.EVIDENCE_NAME, 2];

function claimsOf({ fds }: Holder): Claim[] {
  return fds.map(({ evidence, candidates }): Claim => [evidence, candidates]);
}

function assertHeldBy(binding: TapBinding, ...pids: number[]): void {
  assert.equal(binding.verdict, Verdict.VERDICT_HELD);
  assert.deepEqual(
    pidsOf(binding),
    pids.sort((a, b) => a - b),
  );
  for (const claim of binding.holders.flatMap(claimsOf)) assert.deepEqual(claim, PROVEN);
}

/** The kernel does not count queues of a macvtap, so that nobody found is not nobody. */
function assertNobodyFound(binding: TapBinding): void {
  assert.equal(binding.verdict, Verdict.VERDICT_UNKNOWN);
  assert.deepEqual(codesOf(binding), [ReasonCode.REASON_CODE_QUEUE_COUNT_UNAVAILABLE]);
  assert.deepEqual(pidsOf(binding), []);
}

/** As /sys/dev/char calls the node that was opened. */
function numberOf(queue: OwnFd): string {
  return `${fstatSync(queue.fd).rdev >>> 8}:${minorOf(queue)}`;
}

/** Numbers this small have the minor in their last byte: makedev(3). */
function minorOf({ fd }: OwnFd): number {
  return fstatSync(fd).rdev & 0xff;
}

test('scenario 17: a macvtap, held and then not', { skip }, async (t) => {
  const stage = setStage(t);
  const [below, name] = [stage.unheldDevice(), stage.deviceName()];
  addMacvtap(stage, below, name, { address: ADDRESS });
  const holder = await stage.holder([await openMacvtap(stage, stage.home, name)]);

  const held = await tapmap.binding(name, stage.home);
  assert.equal(held.device?.kind, DeviceKind.DEVICE_KIND_MACVTAP);
  assert.equal(held.device.hardwareAddress, ADDRESS);
  assert.equal(held.device.persistent, true);
  assert.equal(held.device.multiQueue, true);
  assertHeldBy(held, holder.pid);
  assert.deepEqual(held.queues, { attached: undefined, disabled: undefined, found: 1 });
  const [fd] = held.holders[0]!.fds;
  assert.equal(fd?.fd, 3);
  assert.equal(fd.openedIn, undefined);
  assert.equal(fd.detached, false);

  await holder.kill();
  assertNobodyFound(await tapmap.binding(name, stage.home));
});

test(
  'scenario 17: macvtaps of one name in two namespaces, one of them moved there, each with its own holder',
  { skip },
  async (t) => {
    const stage = setStage(t);
    const [below, name, netns] = [stage.unheldDevice(), stage.deviceName(), stage.netns()];
    addMacvtap(stage, below, name);
    const queue = await openMacvtap(stage, stage.home, name);
    stage.home.move(name, netns);
    addMacvtap(stage, below, name);
    const moved = await stage.holder([queue]);
    const stays = await stage.holder([await openMacvtap(stage, stage.home, name)], { netns });
    assertHeldBy(await tapmap.binding(name, netns), moved.pid);
    assertHeldBy(await tapmap.binding(name, stage.home), stays.pid);

    await moved.kill();
    assertNobodyFound(await tapmap.binding(name, netns));
    assertHeldBy(await tapmap.binding(name, stage.home), stays.pid);
  },
);

test('scenario 17: a macvtap that is moved while held is followed', { skip }, async (t) => {
  const stage = setStage(t);
  const [below, name, netns] = [stage.unheldDevice(), stage.deviceName(), stage.netns()];
  addMacvtap(stage, below, name);
  const holder = await stage.holder([await openMacvtap(stage, stage.home, name)]);
  const before = await tapmap.binding(name, stage.home);
  stage.home.move(name, netns);
  const after = await tapmap.binding(name, netns);
  assertHeldBy(after, holder.pid);
  assert.equal(after.holders[0]?.fds[0]?.queue, before.holders[0]?.fds[0]?.queue);
  const added = tapmap.replay.batches
    .flat()
    .find(
      ({ type, binding }) => type === ChangeType.CHANGE_TYPE_ADDED && binding?.name === after.name,
    );
  assert.equal(added?.movedFrom, before.name);

  const renamed = stage.deviceName();
  netns.ip('link', 'set', name, 'name', renamed);
  const again = await tapmap.binding(renamed, netns);
  assert.equal(again.name, after.name);
  assertHeldBy(again, holder.pid);
});

test('scenario 17: two queues of one macvtap in two processes, one shared', { skip }, async (t) => {
  const stage = setStage(t);
  const [below, name, netns] = [stage.unheldDevice(), stage.deviceName(), stage.netns()];
  addMacvtap(stage, below, name, { netns });
  const [one, two] = [await openMacvtap(stage, netns, name), await openMacvtap(stage, netns, name)];
  const shared = stage.own(dup(one.fd));
  const [both, other] = [await stage.holder([one, two]), await stage.holder([shared])];
  const binding = await tapmap.binding(name, netns);
  assertHeldBy(binding, both.pid, other.pid);
  assert.equal(binding.queues?.found, 2);
  const queueOf = (pid: number, fd: number) =>
    binding.holders.find(({ process }) => process?.pid === pid)?.fds.find((held) => held.fd === fd)
      ?.queue;
  assert.equal(queueOf(both.pid, 3), queueOf(other.pid, 3));
  assert.notEqual(queueOf(both.pid, 3), queueOf(both.pid, 4));
});

test(
  'scenario 17: a macvtap file does not tell that its queue is detached, but holds the device',
  { skip },
  async (t) => {
    const stage = setStage(t);
    const [below, name] = [stage.unheldDevice(), stage.deviceName()];
    addMacvtap(stage, below, name);
    const queue = await openMacvtap(stage, stage.home, name);
    setQueue(queue.fd, 'detach');
    assert.equal(attachedTo(queue.fd).flags & IFF_DETACH_QUEUE, 0);
    const holder = await stage.holder([queue]);
    const binding = await tapmap.binding(name, stage.home);
    assertHeldBy(binding, holder.pid);
    assert.equal(binding.holders[0]?.fds[0]?.detached, false);
  },
);

test(
  'scenario 17: a macvtap is deleted under its file, and another one of its name is not held by that',
  { skip },
  async (t) => {
    const stage = setStage(t);
    const [below, name] = [stage.unheldDevice(), stage.deviceName()];
    addMacvtap(stage, below, name, { address: ADDRESS });
    const queue = await openMacvtap(stage, stage.home, name);
    const number = numberOf(queue);
    const holder = await stage.holder([queue]);
    assertHeldBy(await tapmap.binding(name, stage.home), holder.pid);
    stage.home.ip('link', 'del', name);
    const { bindings } = await tapmap.agreed();
    assert.ok(!bindings.some(({ device }) => device?.name === name));
    assert.ok(!bindings.some((binding) => pidsOf(binding).includes(holder.pid)));

    addMacvtap(stage, below, name, { address: ADDRESS });
    assertNobodyFound(await tapmap.binding(name, stage.home));
    // The trap that this would be: the number of the file is the new device's.
    const [taken] = macvtapNumbers(name, stage.home.ifindex(name));
    t.diagnostic(`number of the file: ${number}, of the new device: ${taken}`);
  },
);

test(
  'scenario 17: the number of a file is that of another device of its name by now',
  { skip },
  async (t) => {
    const stage = setStage(t);
    const [below, name, netns] = [stage.unheldDevice(), stage.deviceName(), stage.netns()];
    // A move gives the device the number that is free below its own.
    const lower = stage.deviceName();
    addMacvtap(stage, below, lower);
    addMacvtap(stage, below, name);
    const queue = await openMacvtap(stage, stage.home, name);
    const number = numberOf(queue);
    const holder = await stage.holder([queue]);
    stage.home.ip('link', 'del', lower);
    stage.home.move(name, netns);
    addMacvtap(stage, below, name);
    const trap = macvtapNumbers(name, stage.home.ifindex(name));
    // Unless somebody else on this machine was given it in this moment.
    t.diagnostic(`number of the file: ${number}, of the other device: ${trap.join()}`);

    assertHeldBy(await tapmap.binding(name, netns), holder.pid);
    assertNobodyFound(await tapmap.binding(name, stage.home));
  },
);

test(
  'scenario 17: of two macvtaps of one name and address, the one whose number is too high is not meant',
  { skip },
  async (t) => {
    const stage = setStage(t);
    const [below, other] = [stage.unheldDevice(), stage.unheldDevice()];
    const [name, netns] = [stage.deviceName(), stage.netns()];
    const address = ADDRESS;
    addMacvtap(stage, below, name, { address, netns });
    const first = await openMacvtap(stage, netns, name);
    addMacvtap(stage, other, name, { address });
    const second = await openMacvtap(stage, stage.home, name);
    // The lowest free number is usually above the one just given, but others may have freed one.
    const inOrder = minorOf(first) < minorOf(second);
    const [pidOfFirst, pidOfSecond] = [
      (await stage.holder([first])).pid,
      (await stage.holder([second])).pid,
    ];
    const [lowerPid, higherPid] = inOrder ? [pidOfFirst, pidOfSecond] : [pidOfSecond, pidOfFirst];
    const [lowerIn, higherIn] = inOrder ? [netns, stage.home] : [stage.home, netns];

    // The file with the lower number cannot be the other device's. The one with the higher number may be
    // of either: the device with the lower one may have had it before it was moved.
    const lower = await tapmap.binding(name, lowerIn);
    assert.equal(lower.verdict, Verdict.VERDICT_HELD);
    const claims = new Map(lower.holders.map((holder) => [holder.process?.pid, claimsOf(holder)]));
    assert.deepEqual(claims.get(lowerPid), [PROVEN]);
    const higher = await tapmap.binding(name, higherIn);
    if ((await tapmap.agreed()).coverage.finder === Finder.FINDER_BPF) {
      // Unless the kernel's structures tell.
      assert.equal(claims.get(higherPid), undefined);
      assert.equal(higher.verdict, Verdict.VERDICT_HELD);
      assert.deepEqual(pidsOf(higher), [higherPid]);
      assert.deepEqual(higher.holders.flatMap(claimsOf), [SEEN]);
      return;
    }
    assert.deepEqual(claims.get(higherPid), [NAME_OF_TWO]);
    assert.equal(higher.verdict, Verdict.VERDICT_UNKNOWN);
    assert.deepEqual(codesOf(higher), [ReasonCode.REASON_CODE_NAME_ONLY]);
    assert.deepEqual(pidsOf(higher), [higherPid]);
    assert.deepEqual(higher.holders.flatMap(claimsOf), [NAME_OF_TWO]);
  },
);

test(
  'scenario 17: a macvtap in a namespace that nothing leads to is not mistaken for one that is listed',
  { skip },
  async (t) => {
    const stage = setStage(t);
    const [below, name] = [stage.unheldDevice(), stage.deviceName()];
    const netns = stage.netns();
    // A socket keeps the namespace, and no path, process or file leads into it.
    stage.own(netns.within(socket));
    addMacvtap(stage, below, name, { address: ADDRESS, netns });
    const queue = await openMacvtap(stage, netns, name);
    removeNetns(netns.path.replace(/^.*\//, ''));
    const holder = await stage.holder([queue]);

    addMacvtap(stage, below, name, { address: OTHER_ADDRESS });
    assertNobodyFound(await tapmap.binding(name, stage.home));

    // Now name and address are the same, and the number excludes it only if it is higher.
    stage.home.ip('link', 'del', name);
    addMacvtap(stage, stage.unheldDevice(), name, { address: ADDRESS });
    const listed = await tapmap.binding(name, stage.home);
    assert.equal(listed.verdict, Verdict.VERDICT_UNKNOWN);
    for (const claim of listed.holders.flatMap(claimsOf)) assert.deepEqual(claim, NAME_OF_TWO);
    assert.ok(pidsOf(listed).every((pid) => pid === holder.pid));
  },
);
