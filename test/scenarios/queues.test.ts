// Scenarios 7 and 8: several queues of one device, and detached ones.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Verdict, type TapBinding } from '../../src/gen/tapmap/v1/tap_binding.js';
import { missing } from '../stage/ability.js';
import { setStage } from '../stage/stage.js';
import { IFF_MULTI_QUEUE, IFF_NO_PI, IFF_TAP, setQueue } from '../stage/tun.js';
import { Tapmap } from './tapmap.js';

const MULTI = IFF_TAP | IFF_NO_PI | IFF_MULTI_QUEUE;
const skip = missing('root', 'tun', 'netns');
const tapmap = Tapmap.ofFile(skip);

/** Each holder's pid, and how many descriptors and distinct queues it has. */
function holding({ holders }: TapBinding): [number | undefined, number, number][] {
  return holders.map(({ process, fds }) => [
    process?.pid,
    fds.length,
    new Set(fds.map(({ queue }) => queue)).size,
  ]);
}

test('scenario 7: four queues in one process', { skip }, async (t) => {
  const stage = setStage(t);
  const name = stage.deviceName();
  const holder = await stage.holder([1, 2, 3, 4].map(() => stage.queue(name, MULTI)));
  const binding = await tapmap.binding(name, stage.home);
  assert.equal(binding.verdict, Verdict.VERDICT_HELD);
  assert.equal(binding.device?.multiQueue, true);
  assert.deepEqual(binding.queues, { attached: 4, disabled: 0, found: 4 });
  assert.deepEqual(holding(binding), [[holder.pid, 4, 4]]);
});

test('scenario 7: four queues in two processes', { skip }, async (t) => {
  const stage = setStage(t);
  const name = stage.deviceName();
  const queues = [1, 2, 3, 4].map(() => stage.queue(name, MULTI));
  const first = await stage.holder(queues.slice(0, 3));
  const second = await stage.holder(queues.slice(3));
  const binding = await tapmap.binding(name, stage.home);
  assert.equal(binding.verdict, Verdict.VERDICT_HELD);
  assert.deepEqual(binding.queues, { attached: 4, disabled: 0, found: 4 });
  assert.deepEqual(
    holding(binding),
    [
      [first.pid, 3, 3],
      [second.pid, 1, 1],
    ].sort(([a = 0], [b = 0]) => a - b),
  );
});

test('one queue that two processes share is one queue with two holders', { skip }, async (t) => {
  const stage = setStage(t);
  const name = stage.deviceName();
  const agent = await stage.agent([stage.queue(name)]);
  const child = await agent.spawn([3]);
  const binding = await tapmap.binding(name, stage.home);
  assert.equal(binding.verdict, Verdict.VERDICT_HELD);
  assert.deepEqual(binding.queues, { attached: 1, disabled: 0, found: 1 });
  assert.deepEqual(
    binding.holders.map(({ process }) => process?.pid),
    [agent.pid, child].sort((a, b) => a - b),
  );
  assert.equal(
    new Set(binding.holders.flatMap(({ fds }) => fds.map(({ queue }) => queue))).size,
    1,
  );
});

test('scenario 8: one of four queues is detached, then all of them', { skip }, async (t) => {
  const stage = setStage(t);
  const name = stage.deviceName();
  const queues = [1, 2, 3, 4].map(() => stage.queue(name, MULTI));
  setQueue(queues[1]!.fd, 'detach');
  const agent = await stage.agent(queues);
  const held = await tapmap.binding(name, stage.home);
  assert.equal(held.verdict, Verdict.VERDICT_HELD);
  assert.deepEqual(held.queues, { attached: 3, disabled: 1, found: 4 });
  assert.deepEqual(
    held.holders[0]?.fds.map(({ fd, detached }) => [fd, detached]),
    [
      [3, false],
      [4, true],
      [5, false],
      [6, false],
    ],
  );

  for (const fd of [3, 5, 6]) await agent.setQueue(fd, 'detach');
  const kept = await tapmap.binding(name, stage.home);
  assert.equal(kept.verdict, Verdict.VERDICT_KEPT);
  assert.deepEqual(kept.queues, { attached: 0, disabled: 4, found: 4 });
  assert.equal(
    kept.holders[0]?.fds.every(({ detached }) => detached),
    true,
  );
  assert.deepEqual(
    kept.holders[0].fds.map(({ queue }) => queue),
    held.holders[0].fds.map(({ queue }) => queue),
    'an open file keeps its id',
  );
});
