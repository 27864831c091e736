// The search for places that keep a file without a descriptor of it, and when it is made.
import assert from 'node:assert/strict';
import { openSync } from 'node:fs';
import { test } from 'node:test';
import { linux, type Linux } from '../../src/inspect/linux.js';
import { KernelError } from '../../src/kernel/kernel-error.js';
import { missing } from '../stage/ability.js';
import { setStage } from '../stage/stage.js';
import { bindingOf, inspectorOn, scanned } from './inspecting.js';

const skip = missing('root', 'tun', 'netns');
// There is no vhost-net here: /dev/zero stands for it.
const ZERO = { major: 1, minor: 5 };

/** This kernel, and how many tables were searched for hiding places. */
function counting(): { kernel: Linux; searched: () => number } {
  let tables = 0;
  const kernel: Linux = {
    ...linux,
    walkFdTable: (directory, targets) => {
      if (targets.hidingPlaces === null) return linux.walkFdTable(directory, targets);
      tables++;
      return linux.walkFdTable(directory, { ...targets, hidingPlaces: { vhostNet: ZERO } });
    },
  };
  return { kernel, searched: () => tables };
}

test('nothing is searched while every queue has a holder', { skip }, async (t) => {
  const stage = setStage(t);
  const { kernel, searched } = counting();
  const name = stage.deviceName();
  await stage.holder([stage.queue(name)]);
  // What others on this host hide is not ours to explain.
  const { bindings } = await scanned(inspectorOn(kernel));
  const missingElsewhere = bindings.some(({ queues }) => queues.found !== queues.attached);
  assert.ok(missingElsewhere || searched() === 0);
});

test('an open vhost-net is a place where a missing queue may be', { skip }, async (t) => {
  const stage = setStage(t);
  const { kernel } = counting();
  const name = stage.deviceName();
  const [near, far] = stage.socketPair();
  const agent = await stage.agent([near, far, stage.queue(name)]);
  await agent.send(3, 5);
  await agent.close(5);
  const other = await stage.holder([stage.own(openSync('/dev/zero', 'r'))]);
  const { verdict, hints } = bindingOf(await scanned(inspectorOn(kernel)), name, stage.home);
  assert.equal(verdict, 'HIDDEN');
  assert.deepEqual(
    hints.filter(({ pid }) => pid === other.pid).map(({ kind, fd }) => [kind, fd]),
    [['VHOST_NET', 3]],
  );
});

test(
  'what was found is remembered while it stands, and searched for again when it does not',
  { skip },
  async (t) => {
    const stage = setStage(t);
    const { kernel, searched } = counting();
    const inspector = inspectorOn(kernel);
    const name = stage.deviceName();
    const [one, first] = stage.socketPair();
    const [other, second] = stage.socketPair();
    const agent = await stage.agent([one, first, other, second, stage.queue(name)]);
    const hintedFds = async () =>
      bindingOf(await scanned(inspector), name, stage.home)
        .hints.filter(({ pid }) => pid === agent.pid)
        .map(({ fd }) => fd);
    await agent.send(3, 7);
    await agent.close(7);
    assert.deepEqual(await hintedFds(), [4]);
    const once = searched();
    assert.ok(once > 0);
    assert.deepEqual(await hintedFds(), [4]);

    // The same count and the same findings, but another place.
    const fd = await agent.receive(4);
    await agent.send(5, fd);
    await agent.close(fd);
    const before = searched();
    assert.deepEqual(await hintedFds(), [6]);
    assert.ok(searched() > before);
  },
);

test(
  'for somebody who asks now it is searched for again, whatever still stands',
  { skip },
  async (t) => {
    const stage = setStage(t);
    const { kernel, searched } = counting();
    const inspector = inspectorOn(kernel);
    const name = stage.deviceName();
    const [one, first] = stage.socketPair();
    const [other, second] = stage.socketPair();
    const agent = await stage.agent([one, first, other, second, stage.queue(name)]);
    await agent.send(3, 7);
    const hinted = async (thoroughly: boolean) =>
      bindingOf(await inspector.scan(thoroughly), name, stage.home)
        .hints.filter(({ pid }) => pid === agent.pid)
        .map(({ fd }) => fd);
    await agent.close(7);
    assert.deepEqual(await hinted(false), [4]);
    // Something else takes the place of the file in the first socket, and it is in the second.
    const fd = await agent.receive(4);
    await agent.send(5, fd);
    await agent.send(3, 0);
    await agent.close(fd);
    const before = searched();
    assert.deepEqual(await hinted(true), [4, 6]);
    assert.ok(searched() > before);
  },
);

test(
  'where threads cannot be pinned, places in their own tables are left out',
  { skip },
  async (t) => {
    const stage = setStage(t);
    const kernel: Linux = {
      ...linux,
      pidfdOpenThread: () => {
        throw new KernelError('pidfd_open', 'EINVAL');
      },
    };
    const name = stage.deviceName();
    const [near, far] = stage.socketPair();
    const agent = await stage.agent([near, far, stage.queue(name)]);
    await agent.send(3, 5);
    await agent.close(5);
    await agent.threadWithOwnTable();
    const { verdict, hints } = bindingOf(await scanned(inspectorOn(kernel)), name, stage.home);
    assert.equal(verdict, 'HIDDEN');
    assert.deepEqual(
      hints.filter(({ pid }) => pid === agent.pid).map(({ fd }) => fd),
      [4],
    );
  },
);

test('of a socket that several processes have, each is told', { skip }, async (t) => {
  const stage = setStage(t);
  const name = stage.deviceName();
  const [near, far] = stage.socketPair();
  const agent = await stage.agent([near, far, stage.queue(name)]);
  await agent.send(3, 5);
  await agent.close(5);
  const child = await agent.spawn([4]);
  const { hints } = bindingOf(await scanned(inspectorOn()), name, stage.home);
  assert.deepEqual(
    hints.filter(({ pid }) => pid === agent.pid || pid === child).map(({ pid, fd }) => [pid, fd]),
    // The kernel's pids come round.
    [
      [agent.pid, 4],
      [child, 3],
    ].sort(([a = 0], [b = 0]) => a - b),
  );
});
