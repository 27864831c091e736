// The kernel's count of attached queues, against the stage's own way of asking.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { combinedChannels, openEthtoolSocket } from '../../src/kernel/ethtool.js';
import { isKernelError } from '../../src/kernel/kernel-error.js';
import { missing } from '../stage/ability.js';
import { attachedQueues } from '../stage/channels.js';
import { setStage, type Stage } from '../stage/stage.js';
import { IFF_MULTI_QUEUE, IFF_NO_PI, IFF_TAP, IFF_TUN, setQueue } from '../stage/tun.js';

const skip = missing('root', 'tun', 'netns');

function asking(stage: Stage): (device: string) => number | null {
  const { fd } = stage.own(openEthtoolSocket());
  return (device) => {
    const count = combinedChannels(fd, device);
    assert.equal(count, attachedQueues(device));
    return count;
  };
}

test('a device that nobody holds has no queue, and a held one has one', { skip }, (t) => {
  const stage = setStage(t);
  const queues = asking(stage);
  assert.equal(queues(stage.unheldDevice()), 0);
  for (const flags of [IFF_TAP | IFF_NO_PI, IFF_TUN]) {
    const name = stage.deviceName();
    stage.queue(name, flags);
    assert.equal(queues(name), 1);
  }
});

test('of a multi-queue device only the enabled queues count', { skip }, (t) => {
  const stage = setStage(t);
  const queues = asking(stage);
  const name = stage.deviceName();
  const held = [1, 2, 3].map((count) => {
    const own = stage.queue(name, IFF_TAP | IFF_NO_PI | IFF_MULTI_QUEUE);
    assert.equal(queues(name), count);
    return own;
  });
  setQueue(held[0]!.fd, 'detach');
  assert.equal(queues(name), 2);
  held[1]!.close();
  assert.equal(queues(name), 1);
  setQueue(held[0]!.fd, 'attach');
  assert.equal(queues(name), 2);
});

test('a device whose driver does not tell has no count, which is not 0', { skip }, (t) => {
  const stage = setStage(t);
  assert.equal(combinedChannels(stage.own(openEthtoolSocket()).fd, 'lo'), null);
});

test('a name is never that of the question before, however long each is', { skip }, (t) => {
  const stage = setStage(t);
  const { fd } = stage.own(openEthtoolSocket());
  const short = stage.deviceName();
  const long = short.padEnd(15, 'x');
  stage.queue(long);
  assert.equal(combinedChannels(fd, long), 1);
  // What would be left of the longer name must not be read behind the shorter.
  for (const name of [short, `${long}x`.slice(0, 14), '']) {
    assert.throws(
      () => combinedChannels(fd, name),
      (error) => isKernelError(error, 'ENODEV'),
      name,
    );
  }
});

test(
  'a socket asks the namespace that it was opened in, wherever it is asked from',
  { skip },
  (t) => {
    const stage = setStage(t);
    const netns = stage.netns();
    const name = stage.unheldDevice(netns);
    const [here, there] = [stage.own(openEthtoolSocket()), netns.within(() => openEthtoolSocket())];
    const inside = stage.own(there);
    assert.equal(combinedChannels(inside.fd, name), 0);
    assert.throws(
      () => netns.within(() => combinedChannels(here.fd, name)),
      (error) => isKernelError(error, 'ENODEV'),
    );
  },
);
