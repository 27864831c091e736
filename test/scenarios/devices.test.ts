// Scenarios 2 to 6: what the device is, what it is called, and where it is.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { DeviceKind, Verdict } from '../../src/gen/tapmap/v1/tap_binding.js';
import { ChangeType, type Change } from '../../src/gen/tapmap/v1/tap_binding_service.js';
import { missing } from '../stage/ability.js';
import { setStage } from '../stage/stage.js';
import { IFF_NO_PI, IFF_TAP, IFF_TUN, IFF_VNET_HDR, setOwner, setPersist } from '../stage/tun.js';
import { Tapmap } from './tapmap.js';

const skip = missing('root', 'tun', 'netns');
const tapmap = Tapmap.ofFile(skip);

test('scenario 2: a plain TUN device, held', { skip }, async (t) => {
  const stage = setStage(t);
  const name = stage.deviceName();
  const holder = await stage.holder([stage.queue(name, IFF_TUN)]);
  const { device, verdict, holders, queues } = await tapmap.binding(name, stage.home);
  assert.equal(device?.kind, DeviceKind.DEVICE_KIND_TUN);
  assert.equal(device.hardwareAddress, '');
  assert.equal(device.packetInfo, true);
  assert.equal(device.vnetHdr, false);
  assert.equal(device.persistent, false);
  assert.equal(device.multiQueue, false);
  assert.equal(device.up, false);
  assert.equal(device.mtu, 1500);
  assert.equal(device.ownerUid, undefined);
  assert.equal(verdict, Verdict.VERDICT_HELD);
  assert.deepEqual(
    holders.map(({ process }) => process?.pid),
    [holder.pid],
  );
  assert.deepEqual(queues, { attached: 1, disabled: 0, found: 1 });
});

test('scenario 2: a TAP device with all that can be set on it, held', { skip }, async (t) => {
  const stage = setStage(t);
  const name = stage.deviceName();
  const queue = stage.queue(name, IFF_TAP | IFF_NO_PI | IFF_VNET_HDR);
  setPersist(queue.fd, true);
  setOwner(queue.fd, 0);
  await stage.holder([queue]);
  const bridge = stage.deviceName();
  stage.home.ip('link', 'add', bridge, 'type', 'bridge');
  stage.home.ip('link', 'set', name, 'master', bridge);
  stage.home.ip('link', 'set', name, 'mtu', '9000', 'address', '02:00:00:00:00:07', 'up');
  stage.home.ip('link', 'set', name, 'alias', 'the office');
  const { device, verdict } = await tapmap.binding(name, stage.home);
  assert.equal(device?.kind, DeviceKind.DEVICE_KIND_TAP);
  assert.equal(device.hardwareAddress, '02:00:00:00:00:07');
  assert.equal(device.packetInfo, false);
  assert.equal(device.vnetHdr, true);
  assert.equal(device.persistent, true);
  assert.equal(device.up, true);
  assert.equal(device.mtu, 9000);
  assert.equal(device.ownerUid, 0);
  assert.equal(device.alias, 'the office');
  assert.deepEqual(device.master, { name: bridge, ifindex: stage.home.ifindex(bridge) });
  assert.equal(verdict, Verdict.VERDICT_HELD);
});

test(
  'scenario 2: a persistent device outlives its holder, and remembers it',
  { skip },
  async (t) => {
    const stage = setStage(t);
    const name = stage.unheldDevice();
    const holder = await stage.holder([stage.queue(name)]);
    const held = await tapmap.binding(name, stage.home);
    assert.equal(held.verdict, Verdict.VERDICT_HELD);
    assert.equal(held.lastHolder, undefined);
    await holder.kill();
    const unheld = await tapmap.binding(name, stage.home);
    assert.equal(unheld.verdict, Verdict.VERDICT_UNHELD);
    assert.deepEqual(unheld.holders, []);
    assert.deepEqual(unheld.queues, { attached: 0, disabled: 0, found: 0 });
    assert.equal(unheld.lastHolder?.process?.pid, holder.pid);
    assert.deepEqual(unheld.firstSeen, held.firstSeen);
  },
);

test('scenario 2: a device that is not persistent goes with its holder', { skip }, async (t) => {
  const stage = setStage(t);
  const name = stage.deviceName();
  const holder = await stage.holder([stage.queue(name)]);
  await tapmap.binding(name, stage.home);
  await holder.kill();
  const { bindings } = await tapmap.agreed();
  assert.deepEqual(
    bindings.filter(({ device }) => device?.name === name),
    [],
  );
});

test(
  'scenario 3: a device that is renamed while held stays the same binding',
  { skip },
  async (t) => {
    const stage = setStage(t);
    const [name, renamed] = [stage.deviceName(), stage.deviceName()];
    const holder = await stage.holder([stage.queue(name)]);
    const before = await tapmap.binding(name, stage.home);
    stage.home.ip('link', 'set', name, 'name', renamed);
    const after = await tapmap.binding(renamed, stage.home);
    assert.equal(after.name, before.name);
    assert.equal(after.verdict, Verdict.VERDICT_HELD);
    assert.deepEqual(after.holders, before.holders);
    assert.equal(after.holders[0]?.process?.pid, holder.pid);
    const [change] = changesOf(after.name).slice(-1);
    assert.equal(change?.type, ChangeType.CHANGE_TYPE_MODIFIED);
    assert.ok(change.changedFields?.includes('device.name'));
  },
);

test(
  'scenario 4: a device that moves there and back is followed, though its index is taken there',
  { skip },
  async (t) => {
    const stage = setStage(t);
    const [a, b] = [stage.netns(), stage.netns()];
    const name = stage.deviceName();
    const holder = await stage.holder([a.within(() => stage.queue(name))]);
    const index = a.ifindex(name);
    b.ip('link', 'add', 'taken', 'index', String(index), 'type', 'bridge');

    let before = await tapmap.binding(name, a);
    for (const [from, to] of [
      [a, b],
      [b, a],
    ] as const) {
      from.move(name, to);
      const after = await tapmap.binding(name, to);
      assert.equal(after.device?.ifindex, to.ifindex(name));
      assert.equal(after.verdict, Verdict.VERDICT_HELD);
      assert.deepEqual(
        after.holders.map(({ process }) => process?.pid),
        [holder.pid],
      );
      assert.equal(after.holders[0]?.fds[0]?.openedIn?.inode, BigInt(a.inode));
      const batch = tapmap.replay.batches.find(
        (changes) =>
          changes.some(
            ({ type, binding }) =>
              type === ChangeType.CHANGE_TYPE_ADDED && binding?.name === after.name,
          ) && changes.some(({ binding }) => binding?.name === before.name),
      );
      const told = batch?.filter(({ binding }) =>
        [before.name, after.name].includes(binding?.name ?? ''),
      );
      assert.deepEqual(
        told?.map(({ type, binding, movedFrom }) => [type, binding?.name, movedFrom]).sort(),
        [
          [ChangeType.CHANGE_TYPE_ADDED, after.name, before.name],
          [ChangeType.CHANGE_TYPE_REMOVED, before.name, ''],
        ],
      );
      before = after;
    }
    assert.notEqual(a.ifindex(name), 0);
  },
);

test(
  'scenario 5: three namespaces with a device of one name each, three holders',
  { skip },
  async (t) => {
    const stage = setStage(t);
    const namespaces = [stage.netns(), stage.netns(), stage.netns()];
    const holders = await Promise.all(
      namespaces.map((netns) => stage.holder([netns.within(() => stage.queue('tap0'))])),
    );
    for (const [i, netns] of namespaces.entries()) {
      const { verdict, holders: found } = await tapmap.binding('tap0', netns);
      assert.equal(verdict, Verdict.VERDICT_HELD);
      assert.deepEqual(
        found.map(({ process }) => process?.pid),
        [holders[i]?.pid],
      );
    }
  },
);

test(
  'scenario 6: where the node was opened, where the process lives and where the device is are three namespaces',
  { skip },
  async (t) => {
    const stage = setStage(t);
    const [opened, lives, is] = [stage.netns(), stage.netns(), stage.netns()];
    const name = stage.deviceName();
    const queue = opened.within(() => stage.queue(name));
    const holder = await stage.holder([queue], { netns: lives });
    opened.move(name, is);
    const { holders, device } = await tapmap.binding(name, is);
    assert.deepEqual(device?.netns?.paths, [is.path]);
    assert.equal(holders.length, 1);
    assert.equal(holders[0]?.process?.pid, holder.pid);
    assert.deepEqual(holders[0].process.netns?.paths, [lives.path]);
    assert.equal(holders[0].process.netns.inode, BigInt(lives.inode));
    assert.deepEqual(holders[0].fds[0]?.openedIn?.paths, [opened.path]);
  },
);

function changesOf(name: string): Change[] {
  return tapmap.replay.batches.flat().filter(({ binding }) => binding?.name === name);
}
