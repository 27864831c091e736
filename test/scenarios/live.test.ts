// What triggers tell reaches a watcher at once: here scans are so rare that none comes while a test waits.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Verdict, type TapBinding } from '../../src/gen/tapmap/v1/tap_binding.js';
import { missing } from '../stage/ability.js';
import type { Netns } from '../stage/netns.js';
import { setStage } from '../stage/stage.js';
import { IFF_MULTI_QUEUE, IFF_NO_PI, IFF_TAP } from '../stage/tun.js';
import { until } from '../stage/until.js';
import { Tapmap } from './tapmap.js';

const TAP = IFF_TAP | IFF_NO_PI;
const skip = missing('initial-root', 'tun', 'netns');
// One ten-thousandth of a percent: a minute apart, which is the longest.
const tapmap = Tapmap.ofFile(skip, { flags: ['--scan-budget', '0.0001'] });

/** The binding of a device as the watch has told it; undefined when it has told of none. */
function told(name: string, netns: Netns): TapBinding | undefined {
  return tapmap.replay
    .bindings()
    .find(({ device }) => device?.name === name && device.netns?.inode === BigInt(netns.inode));
}

async function untilTold(
  what: string,
  name: string,
  netns: Netns,
  check: (binding: TapBinding) => boolean,
): Promise<TapBinding> {
  return await until(`the watch tells ${what}`, () => {
    const binding = told(name, netns);
    return binding !== undefined && check(binding) ? binding : undefined;
  });
}

function pids({ holders }: TapBinding): (number | undefined)[] {
  return holders.map(({ process }) => process?.pid);
}

const isUnheld = ({ verdict }: TapBinding) => verdict === Verdict.VERDICT_UNHELD;
const isHeldBy =
  (...expected: number[]) =>
  (binding: TapBinding) =>
    binding.verdict === Verdict.VERDICT_HELD &&
    expected.every((pid) => pids(binding).includes(pid));

test('a device that is made, and one that is deleted', { skip }, async (t) => {
  const stage = setStage(t);
  const name = stage.unheldDevice();
  await untilTold('UNHELD', name, stage.home, isUnheld);
  stage.home.ip('link', 'del', name);
  await until('the watch tells that it is gone', () => told(name, stage.home) === undefined);
});

test('an attach to a device that is down, and the last close', { skip }, async (t) => {
  const stage = setStage(t);
  const name = stage.unheldDevice();
  const agent = await stage.agent();
  await untilTold('UNHELD', name, stage.home, isUnheld);
  const fd = await agent.open();
  await agent.attach(fd, name, TAP);
  await untilTold('HELD', name, stage.home, isHeldBy(agent.pid));
  await agent.close(fd);
  await untilTold('UNHELD', name, stage.home, isUnheld);
});

test('an attach some time after the open', { skip }, async (t) => {
  const stage = setStage(t);
  const name = stage.unheldDevice();
  const agent = await stage.agent();
  const fd = await agent.open();
  await untilTold('UNHELD', name, stage.home, isUnheld);
  await agent.attach(fd, name, TAP);
  await untilTold('HELD', name, stage.home, isHeldBy(agent.pid));
});

test('a rename, and up and down', { skip }, async (t) => {
  const stage = setStage(t);
  const name = stage.deviceName();
  const holder = await stage.holder([stage.queue(name)]);
  const before = await untilTold('HELD', name, stage.home, isHeldBy(holder.pid));
  const renamed = stage.deviceName();
  stage.home.ip('link', 'set', name, 'name', renamed);
  const after = await untilTold('the name', renamed, stage.home, isHeldBy(holder.pid));
  assert.equal(after.name, before.name);
  assert.equal(told(name, stage.home), undefined);
  stage.home.ip('link', 'set', renamed, 'up');
  await untilTold('that it is up', renamed, stage.home, ({ device }) => device?.up === true);
});

test('a move to a namespace that was not known, and back', { skip }, async (t) => {
  const stage = setStage(t);
  const name = stage.deviceName();
  const holder = await stage.holder([stage.queue(name)]);
  await untilTold('HELD', name, stage.home, isHeldBy(holder.pid));
  const netns = stage.netns();
  stage.home.move(name, netns);
  const moved = await untilTold('the move', name, netns, isHeldBy(holder.pid));
  assert.deepEqual(moved.device?.netns?.paths, [netns.path]);
  assert.equal(told(name, stage.home), undefined);
  netns.ip('link', 'set', name, 'netns', String(process.pid));
  await untilTold('the way back', name, stage.home, isHeldBy(holder.pid));
  assert.equal(told(name, netns), undefined);
});

test('a holder that is killed', { skip }, async (t) => {
  const stage = setStage(t);
  const name = stage.unheldDevice();
  const holder = await stage.holder([stage.queue(name)]);
  await untilTold('HELD', name, stage.home, isHeldBy(holder.pid));
  await holder.kill();
  await untilTold('UNHELD', name, stage.home, isUnheld);
});

test('a fork of the holder, and the exit of one of the two', { skip }, async (t) => {
  const stage = setStage(t);
  const name = stage.deviceName();
  const agent = await stage.agent([stage.queue(name)]);
  await untilTold('HELD', name, stage.home, isHeldBy(agent.pid));
  const child = await agent.spawn([3]);
  await untilTold('both', name, stage.home, isHeldBy(agent.pid, child));
});

test('an exec of the holder', { skip }, async (t) => {
  const stage = setStage(t);
  const name = stage.deviceName();
  const agent = await stage.agent([stage.queue(name)]);
  await untilTold('HELD', name, stage.home, isHeldBy(agent.pid));
  await agent.keepOnExec(3);
  await agent.exec('/bin/sleep', '600');
  await untilTold(
    'the program',
    name,
    stage.home,
    ({ holders }) => holders[0]?.process?.comm === 'sleep',
  );
});

test('one more queue, and one less, of a device that is up', { skip }, async (t) => {
  const stage = setStage(t);
  const name = stage.deviceName();
  const agent = await stage.agent([stage.queue(name, TAP | IFF_MULTI_QUEUE)]);
  stage.home.ip('link', 'set', name, 'up');
  await untilTold('HELD', name, stage.home, isHeldBy(agent.pid));
  const fd = await agent.open();
  await agent.attach(fd, name, TAP | IFF_MULTI_QUEUE);
  await untilTold('two queues', name, stage.home, ({ queues }) => queues?.found === 2);
  await agent.setQueue(fd, 'detach');
  await untilTold('a detached one', name, stage.home, ({ queues }) => queues?.disabled === 1);
});
