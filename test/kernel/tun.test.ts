// What an open tun file tells of itself, against what the stage asks it in its own way.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { statusOf, statusOfPath } from '../../src/kernel/descriptor.js';
import { isKernelError } from '../../src/kernel/kernel-error.js';
import { readFdinfoInterface } from '../../src/kernel/proc-pid-fdinfo.js';
import {
  TUN_MAJOR,
  TUN_MINOR,
  tunDeviceNetns,
  tunHardwareAddress,
  tunInterface,
  tunOpenedNetns,
} from '../../src/kernel/tun.js';
import { missing } from '../stage/ability.js';
import { setStage } from '../stage/stage.js';
import {
  attachedTo,
  deviceNetns,
  IFF_DETACH_QUEUE,
  IFF_MULTI_QUEUE,
  IFF_NO_PI,
  IFF_TAP,
  IFF_TUN,
  openedNetns,
  openTun,
  setQueue,
} from '../stage/tun.js';

const skip = missing('root', 'tun', 'netns');

test('a tun file is told by its device number', { skip }, (t) => {
  const stage = setStage(t);
  const { rdevMajor, rdevMinor } = statusOf(stage.own(openTun()).fd);
  assert.deepEqual([rdevMajor, rdevMinor], [TUN_MAJOR, TUN_MINOR]);
});

test(
  'an attached file tells the name and layer of its device, and follows a rename',
  { skip },
  (t) => {
    const stage = setStage(t);
    for (const flags of [IFF_TAP | IFF_NO_PI, IFF_TUN]) {
      const [name, renamed] = [stage.deviceName(), stage.deviceName()];
      const { fd } = stage.queue(name, flags);
      const tap = flags !== IFF_TUN;
      assert.deepEqual(tunInterface(fd), { name, tap, detached: false });
      assert.equal(attachedTo(fd).name, name);
      stage.home.ip('link', 'set', name, 'name', renamed);
      assert.deepEqual(tunInterface(fd), { name: renamed, tap, detached: false });
      assert.equal(readFdinfoInterface('/proc/self', fd), renamed);
    }
  },
);

test('the longest name there can be is told whole', { skip }, (t) => {
  const stage = setStage(t);
  const name = stage.deviceName().padEnd(15, 'x');
  const { fd } = stage.queue(name);
  assert.equal(tunInterface(fd).name, name);
});

test('a detached queue tells that it is detached, and still its device', { skip }, (t) => {
  const stage = setStage(t);
  const name = stage.deviceName();
  const { fd } = stage.queue(name, IFF_TAP | IFF_NO_PI | IFF_MULTI_QUEUE);
  for (const [state, detached] of [
    ['detach', true],
    ['attach', false],
  ] as const) {
    setQueue(fd, state);
    assert.deepEqual(tunInterface(fd), { name, tap: true, detached });
    assert.equal((attachedTo(fd).flags & IFF_DETACH_QUEUE) !== 0, detached);
  }
});

test(
  'the namespace of the device and that of the node are told apart, also after a move',
  { skip },
  (t) => {
    const stage = setStage(t);
    const [opened, moved] = [stage.netns(), stage.netns()];
    const name = stage.deviceName();
    const { fd } = opened.within(() => stage.queue(name));
    const inodes = () =>
      [tunDeviceNetns, tunOpenedNetns, deviceNetns, openedNetns].map(
        (ask) => statusOf(stage.own(ask(fd)).fd).inode,
      );
    assert.deepEqual(inodes(), [opened.inode, opened.inode, opened.inode, opened.inode]);
    opened.move(name, moved);
    assert.deepEqual(inodes(), [moved.inode, opened.inode, moved.inode, opened.inode]);
  },
);

test('the hardware address is that of the link', { skip }, (t) => {
  const stage = setStage(t);
  const name = stage.deviceName();
  const { fd } = stage.queue(name);
  stage.home.ip('link', 'set', name, 'address', '02:00:00:00:00:2a');
  assert.equal(tunHardwareAddress(fd), '02:00:00:00:00:2a');
});

test(
  'a file that is attached to nothing is EBADFD, before it is and when its device was deleted',
  { skip },
  (t) => {
    const stage = setStage(t);
    const never = stage.own(openTun());
    const name = stage.deviceName();
    const deleted = stage.queue(name);
    stage.home.ip('link', 'del', name);
    for (const { fd } of [never, deleted]) {
      for (const ask of [tunInterface, tunDeviceNetns]) {
        assert.throws(
          () => ask(fd),
          (error) => isKernelError(error, 'EBADFD'),
        );
      }
      assert.equal(readFdinfoInterface('/proc/self', fd), '');
      assert.equal(statusOf(stage.own(tunOpenedNetns(fd)).fd).inode, stage.home.inode);
    }
  },
);

test('the number of the device is that which the kernel registered', { skip }, () => {
  const { rdevMajor, rdevMinor } = statusOfPath('/dev/net/tun');
  const registered = /^\s*(\d+) tun$/m.exec(readFileSync('/proc/misc', 'utf8'))?.[1];
  assert.deepEqual([rdevMajor, rdevMinor], [TUN_MAJOR, Number(registered)]);
});
