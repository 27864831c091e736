// Scenarios 9 and 10: one open file is one queue, whichever processes hold it.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Verdict, type TapBinding } from '../../src/gen/tapmap/v1/tap_binding.js';
import { missing } from '../stage/ability.js';
import { setStage } from '../stage/stage.js';
import { IFF_MULTI_QUEUE, IFF_NO_PI, IFF_TAP } from '../stage/tun.js';
import { Tapmap } from './tapmap.js';

const MULTI = IFF_TAP | IFF_NO_PI | IFF_MULTI_QUEUE;
const skip = missing('root', 'tun', 'netns');
const tapmap = Tapmap.ofFile(skip);

type Pid = number | undefined;

/**
 * Each descriptor: whose it is, its number, and which open file it is, counted in this order. `pids` says
 * whose come first, as the kernel's pids come round.
 */
function descriptors({ holders }: TapBinding, pids: readonly Pid[]): [Pid, number, number][] {
  const queues: string[] = [];
  const place = (pid: Pid) => pids.indexOf(pid);
  const ordered = holders.toSorted((a, b) => place(a.process?.pid) - place(b.process?.pid));
  return ordered.flatMap(({ process, fds }) =>
    fds.map(({ fd, queue }): [Pid, number, number] => {
      if (!queues.includes(queue)) queues.push(queue);
      return [process?.pid, fd, queues.indexOf(queue)];
    }),
  );
}

function assertHeld(binding: TapBinding, expected: [Pid, number, number][]): void {
  const found = new Set(expected.map(([, , queue]) => queue)).size;
  assert.equal(binding.verdict, Verdict.VERDICT_HELD);
  assert.deepEqual(binding.queues, { attached: found, disabled: 0, found });
  assert.deepEqual(
    descriptors(
      binding,
      expected.map(([pid]) => pid),
    ),
    expected,
  );
}

test('scenario 9: a fork after the attach: one queue, two holders', { skip }, async (t) => {
  const stage = setStage(t);
  const name = stage.deviceName();
  const agent = await stage.agent([stage.queue(name)]);
  const child = await agent.spawn([3]);
  const shared = await tapmap.binding(name, stage.home);
  assertHeld(shared, [
    [agent.pid, 3, 0],
    [child, 3, 0],
  ]);

  // The parent lets go: the child has inherited the device, as one that makes it "busy" for others.
  await agent.close(3);
  const inherited = await tapmap.binding(name, stage.home);
  assertHeld(inherited, [[child, 3, 0]]);
  assert.equal(inherited.holders[0]?.fds[0]?.queue, shared.holders[0]?.fds[0]?.queue);
});

test('scenario 9: a dup: one queue, one holder, two descriptors', { skip }, async (t) => {
  const stage = setStage(t);
  const name = stage.deviceName();
  const agent = await stage.agent([stage.queue(name)]);
  const copy = await agent.dup(3);
  const both = await tapmap.binding(name, stage.home);
  assertHeld(both, [
    [agent.pid, 3, 0],
    [agent.pid, copy, 0],
  ]);
  await agent.close(3);
  const one = await tapmap.binding(name, stage.home);
  assertHeld(one, [[agent.pid, copy, 0]]);
  assert.equal(one.holders[0]?.fds[0]?.queue, both.holders[0]?.fds[0]?.queue);
});

test(
  'scenario 9: a descriptor passed over a unix socket, whose sender then closes its own',
  { skip },
  async (t) => {
    const stage = setStage(t);
    const name = stage.deviceName();
    const [near, far] = stage.socketPair();
    const sender = await stage.agent([near, stage.queue(name)]);
    const receiver = await stage.agent([far]);
    const queues = new Set<string | undefined>();
    const step = async (expected: [Pid, number, number][]) => {
      const binding = await tapmap.binding(name, stage.home);
      assertHeld(binding, expected);
      queues.add(binding.holders[0]?.fds[0]?.queue);
    };
    await step([[sender.pid, 4, 0]]);
    await sender.send(3, 4);
    await step([[sender.pid, 4, 0]]);
    const fd = await receiver.receive(3);
    await step([
      [sender.pid, 4, 0],
      [receiver.pid, fd, 0],
    ]);
    await sender.close(4);
    await step([[receiver.pid, fd, 0]]);
    assert.equal(queues.size, 1, 'an open file keeps its id');
  },
);

test(
  'scenario 9: two queues, of which one is shared: the shared one is told from the other',
  { skip },
  async (t) => {
    const stage = setStage(t);
    const name = stage.deviceName();
    const agent = await stage.agent([stage.queue(name, MULTI), stage.queue(name, MULTI)]);
    const child = await agent.spawn([4]);
    const copy = await agent.dup(4);
    assertHeld(await tapmap.binding(name, stage.home), [
      [agent.pid, 3, 0],
      [agent.pid, 4, 1],
      [agent.pid, copy, 1],
      [child, 3, 1],
    ]);
  },
);

test('scenario 9: many copies of many queues', { skip }, async (t) => {
  const stage = setStage(t);
  const name = stage.deviceName();
  const agent = await stage.agent(Array.from({ length: 8 }, () => stage.queue(name, MULTI)));
  for (let copy = 0; copy < 24; copy++) await agent.dup(3 + (copy % 8));
  const binding = await tapmap.binding(name, stage.home);
  assert.deepEqual(binding.queues, { attached: 8, disabled: 0, found: 8 });
  const copies = new Map<string, number>();
  for (const { queue } of binding.holders[0]!.fds) copies.set(queue, (copies.get(queue) ?? 0) + 1);
  assert.deepEqual([...copies.values()], Array<number>(8).fill(4));
});

test(
  'scenario 10: a holder that execs another program keeps the device, under the new name',
  { skip },
  async (t) => {
    const stage = setStage(t);
    const name = stage.deviceName();
    const agent = await stage.agent([stage.queue(name)]);
    await agent.keepOnExec(3);
    const before = await tapmap.binding(name, stage.home);
    await agent.exec('/bin/sleep', '600');
    const after = await tapmap.binding(name, stage.home);
    assertHeld(after, [[agent.pid, 3, 0]]);
    const [was, is] = [before.holders[0]?.process, after.holders[0]?.process];
    assert.equal(is?.comm, 'sleep');
    assert.notEqual(is.executable, was?.executable);
    // The same process, and the same open file.
    assert.equal(is.startTime, was?.startTime);
    assert.equal(after.holders[0]?.fds[0]?.queue, before.holders[0]?.fds[0]?.queue);
  },
);

test(
  'scenario 10: a holder whose descriptor is closed by exec lets go of the device',
  { skip },
  async (t) => {
    const stage = setStage(t);
    const name = stage.unheldDevice();
    const agent = await stage.agent();
    const fd = await agent.open();
    await agent.attach(fd, name, IFF_TAP | IFF_NO_PI);
    assertHeld(await tapmap.binding(name, stage.home), [[agent.pid, fd, 0]]);
    await agent.exec('/bin/sleep', '600');
    const { verdict, holders, lastHolder } = await tapmap.binding(name, stage.home);
    assert.equal(verdict, Verdict.VERDICT_UNHELD);
    assert.deepEqual(holders, []);
    assert.equal(lastHolder?.process?.pid, agent.pid);
  },
);
