// What a reaper goes by: since when a device is as it is, who held it last, and what the kernel says to
// somebody who deletes it too late.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Verdict, type TapBinding } from '../../src/gen/tapmap/v1/tap_binding.js';
import { ChangeType } from '../../src/gen/tapmap/v1/tap_binding_service.js';
import { missing } from '../stage/ability.js';
import { setStage } from '../stage/stage.js';
import { IFF_MULTI_QUEUE, IFF_NO_PI, IFF_TAP } from '../stage/tun.js';
import { Tapmap } from './tapmap.js';

const skip = missing('root', 'tun', 'netns');
const tapmap = Tapmap.ofFile(skip);

function lastPid({ lastHolder }: TapBinding): number | undefined {
  return lastHolder?.process?.pid;
}

/**
 * Asserts that nobody was seen to hold it but `ip`, which has to while it makes it. True when not even that
 * was seen.
 */
function onlyMaker({ lastHolder }: TapBinding): boolean {
  if (lastHolder === undefined) return true;
  assert.equal(lastHolder.process?.comm, 'ip');
  return false;
}

/** Asserts that `after` changed later, and is known for as long as `before`. */
function changedSince(before: TapBinding, after: TapBinding): void {
  assert.equal(after.name, before.name);
  assert.deepEqual(after.firstSeen, before.firstSeen);
  assert.ok(after.lastChanged! > before.lastChanged!);
}

test(
  'the life of a persistent tap: made, held, orphaned, renamed, held by another, moved, orphaned, deleted',
  { skip },
  async (t) => {
    const stage = setStage(t);
    const [first, second] = [stage.deviceName(), stage.deviceName()];
    const netns = stage.netns();

    const start = Date.now();
    stage.home.ip('tuntap', 'add', first, 'mode', 'tap');
    const made = await tapmap.binding(first, stage.home);
    assert.equal(made.verdict, Verdict.VERDICT_UNHELD);
    assert.ok(made.firstSeen!.getTime() >= start);
    if (onlyMaker(made)) assert.deepEqual(made.lastChanged, made.firstSeen);
    const unchanged = await tapmap.binding(first, stage.home);
    assert.deepEqual(unchanged, made, 'that nothing happened is no change');

    const one = await stage.holder([stage.queue(first)]);
    const held = await tapmap.binding(first, stage.home);
    assert.equal(held.verdict, Verdict.VERDICT_HELD);
    changedSince(made, held);
    assert.equal(held.lastHolder, undefined);

    await one.kill();
    const orphaned = await tapmap.binding(first, stage.home);
    assert.equal(orphaned.verdict, Verdict.VERDICT_UNHELD);
    changedSince(held, orphaned);
    assert.equal(lastPid(orphaned), one.pid);
    assert.equal(orphaned.lastHolder?.process?.comm, 'cat');
    assert.ok(orphaned.lastHolder.lastSeen! >= held.lastChanged!);
    assert.ok(orphaned.lastHolder.lastSeen! < orphaned.lastChanged!);

    stage.home.ip('link', 'set', first, 'name', second);
    const renamed = await tapmap.binding(second, stage.home);
    changedSince(orphaned, renamed);
    assert.deepEqual(renamed.lastHolder, orphaned.lastHolder);

    const other = await stage.holder([stage.queue(second)]);
    const again = await tapmap.binding(second, stage.home);
    assert.equal(again.verdict, Verdict.VERDICT_HELD);
    changedSince(renamed, again);
    assert.equal(again.lastHolder, undefined, 'somebody holds it now');

    stage.home.move(second, netns);
    const moved = await tapmap.binding(second, netns);
    assert.equal(moved.verdict, Verdict.VERDICT_HELD);
    assert.notEqual(moved.name, again.name);
    // Under its new name it is young: whoever goes by age waits again.
    assert.ok(moved.firstSeen! > again.lastChanged!);
    const arrival = tapmap.replay.batches
      .flat()
      .find(
        ({ type, binding }) =>
          type === ChangeType.CHANGE_TYPE_ADDED && binding?.name === moved.name,
      );
    assert.equal(arrival?.movedFrom, made.name);

    await other.kill();
    const left = await tapmap.binding(second, netns);
    assert.equal(left.verdict, Verdict.VERDICT_UNHELD);
    changedSince(moved, left);
    assert.equal(lastPid(left), other.pid);

    netns.ip('tuntap', 'del', second, 'mode', 'tap');
    await tapmap.gone(second, netns);
    const end = tapmap.replay.batches.flat().findLast(({ binding }) => binding?.name === left.name);
    assert.equal(end?.type, ChangeType.CHANGE_TYPE_REMOVED);
    assert.deepEqual(end.binding, left, 'as it was last known');
  },
);

test(
  'a device that is made anew under the name of an orphan has nothing of its life',
  { skip },
  async (t) => {
    const stage = setStage(t);
    const name = stage.unheldDevice();
    const holder = await stage.holder([stage.queue(name)]);
    await tapmap.binding(name, stage.home);
    await holder.kill();
    const orphan = await tapmap.binding(name, stage.home);
    assert.equal(lastPid(orphan), holder.pid);
    stage.home.ip('tuntap', 'del', name, 'mode', 'tap');
    stage.home.ip('tuntap', 'add', name, 'mode', 'tap');
    const anew = await tapmap.binding(name, stage.home);
    assert.notEqual(anew.name, orphan.name);
    assert.ok(anew.firstSeen! > orphan.lastChanged!);
    onlyMaker(anew);
  },
);

test(
  'a device that gets the ifindex of a deleted one, and so its resource name, has nothing of its life',
  { skip },
  async (t) => {
    const stage = setStage(t);
    const netns = stage.netns();
    const [first, second] = [stage.deviceName(), stage.deviceName()];
    const agent = await stage.agent();
    await agent.enter(netns);
    const flags = IFF_TAP | IFF_NO_PI | IFF_MULTI_QUEUE;
    const queues = [await agent.open(), await agent.open(), await agent.open()];
    for (const fd of queues) await agent.attach(fd, first, flags);
    const deleted = await tapmap.binding(first, netns);

    netns.ip('link', 'del', first);
    // Queue 2 of the deleted device asks for ifindex 2, the first of a namespace after lo.
    await agent.attach(queues[2]!, second, flags);
    const made = await tapmap.binding(second, netns);
    assert.equal(made.name, deleted.name);
    assert.ok(made.firstSeen! > deleted.lastChanged!);
  },
);

test(
  'a reaper that is late: `ip tuntap del` is refused while somebody holds the device, `ip link del` is not',
  { skip },
  async (t) => {
    const stage = setStage(t);
    const name = stage.unheldDevice();
    assert.equal((await tapmap.binding(name, stage.home)).verdict, Verdict.VERDICT_UNHELD);
    const holder = await stage.holder([stage.queue(name)]);
    assert.throws(() => stage.home.ip('tuntap', 'del', name, 'mode', 'tap'), /busy/);
    const held = await tapmap.binding(name, stage.home);
    assert.equal(held.verdict, Verdict.VERDICT_HELD);
    assert.equal(held.device?.persistent, true);

    stage.home.ip('link', 'del', name);
    await tapmap.gone(name, stage.home);
    assert.doesNotThrow(() => process.kill(holder.pid, 0), 'its holder is there, without a device');
  },
);

test(
  'a reaper that is late at a multi-queue device: `ip tuntap del` leaves it to its holder, and it goes with that one',
  { skip },
  async (t) => {
    const stage = setStage(t);
    const name = stage.unheldDevice(stage.home, 'tap', 'multi_queue');
    const queue = stage.queue(name, IFF_TAP | IFF_NO_PI | IFF_MULTI_QUEUE);
    const holder = await stage.holder([queue]);
    stage.home.ip('tuntap', 'del', name, 'mode', 'tap', 'multi_queue');
    const held = await tapmap.binding(name, stage.home);
    assert.equal(held.verdict, Verdict.VERDICT_HELD);
    assert.equal(held.device?.persistent, false);
    await holder.kill();
    await tapmap.gone(name, stage.home);
  },
);
