// Scenarios 13 and 14: a queue whose file no descriptor table shows.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { HintKind, Verdict, type TapBinding } from '../../src/gen/tapmap/v1/tap_binding.js';
import { missing } from '../stage/ability.js';
import { setStage } from '../stage/stage.js';
import { IFF_MULTI_QUEUE, IFF_NO_PI, IFF_TAP } from '../stage/tun.js';
import { Tapmap } from './tapmap.js';

const MULTI = IFF_TAP | IFF_NO_PI | IFF_MULTI_QUEUE;
const skip = missing('root', 'tun', 'netns');
const tapmap = Tapmap.ofFile(skip);

/** The hints that name one of these processes: others on this host may hide something, too. */
function hintsAt(
  { hints }: TapBinding,
  ...pids: number[]
): [HintKind, number, number | undefined][] {
  return hints
    .filter(({ pid }) => pids.includes(pid))
    .map(({ kind, pid, fd }): [HintKind, number, number | undefined] => [kind, pid, fd]);
}

const { HINT_KIND_DESCRIPTOR_IN_FLIGHT: IN_FLIGHT, HINT_KIND_IO_URING: IO_URING } = HintKind;

test(
  'scenario 13: a file in flight over a unix socket: HIDDEN, with a hint to the receiving socket',
  { skip },
  async (t) => {
    const stage = setStage(t);
    const name = stage.deviceName();
    const [near, far] = stage.socketPair();
    const sender = await stage.agent([near, stage.queue(name)]);
    const receiver = await stage.agent([far]);
    assert.equal((await tapmap.binding(name, stage.home)).verdict, Verdict.VERDICT_HELD);

    await sender.send(3, 4);
    await sender.close(4);
    const hidden = await tapmap.binding(name, stage.home);
    assert.equal(hidden.verdict, Verdict.VERDICT_HIDDEN);
    assert.deepEqual(hidden.holders, []);
    assert.deepEqual(hidden.queues, { attached: 1, disabled: 0, found: 0 });
    // The sender's own socket has nothing to receive.
    assert.deepEqual(hintsAt(hidden, sender.pid, receiver.pid), [[IN_FLIGHT, receiver.pid, 3]]);

    const fd = await receiver.receive(3);
    const held = await tapmap.binding(name, stage.home);
    assert.equal(held.verdict, Verdict.VERDICT_HELD);
    assert.deepEqual(held.hints, []);
    assert.deepEqual(
      held.holders.map(({ process, fds }) => [process?.pid, fds[0]?.fd]),
      [[receiver.pid, fd]],
    );
  },
);

test(
  'scenario 13: the hint follows a file that is passed on without ever being at rest',
  { skip },
  async (t) => {
    const stage = setStage(t);
    const name = stage.deviceName();
    const [one, first] = stage.socketPair();
    const [other, second] = stage.socketPair();
    const sender = await stage.agent([one, other, stage.queue(name)]);
    const receivers = [await stage.agent([first]), await stage.agent([second])] as const;
    const pids = receivers.map(({ pid }) => pid);
    await sender.send(3, 5);
    await sender.close(5);
    assert.deepEqual(hintsAt(await tapmap.binding(name, stage.home), ...pids), [
      [IN_FLIGHT, pids[0], 3],
    ]);

    // Same count, same findings: only the place is another.
    const fd = await receivers[0].receive(3);
    await receivers[0].send(3, fd);
    await receivers[0].close(fd);
    assert.deepEqual(hintsAt(await tapmap.binding(name, stage.home), sender.pid, ...pids), [
      [IN_FLIGHT, sender.pid, 3],
    ]);
  },
);

test(
  'scenario 13: a file sent to a socket that nobody has accepted: the hint is to the one that listens',
  { skip },
  async (t) => {
    const stage = setStage(t);
    const name = stage.deviceName();
    const agent = await stage.agent([stage.queue(name)]);
    const listening = await agent.listen();
    const socket = await agent.connect(listening);
    await agent.send(socket, 3);
    await agent.close(3);
    const hidden = await tapmap.binding(name, stage.home);
    assert.equal(hidden.verdict, Verdict.VERDICT_HIDDEN);
    assert.deepEqual(hintsAt(hidden, agent.pid), [[IN_FLIGHT, agent.pid, listening]]);
  },
);

test(
  'scenario 13: one of two queues is in flight: HIDDEN, and the holder of the other is told',
  { skip },
  async (t) => {
    const stage = setStage(t);
    const name = stage.deviceName();
    const [near, far] = stage.socketPair();
    const agent = await stage.agent([
      near,
      far,
      stage.queue(name, MULTI),
      stage.queue(name, MULTI),
    ]);
    await agent.send(3, 5);
    await agent.close(5);
    const { verdict, queues, holders, ...binding } = await tapmap.binding(name, stage.home);
    assert.equal(verdict, Verdict.VERDICT_HIDDEN);
    assert.deepEqual(queues, { attached: 2, disabled: 0, found: 1 });
    assert.deepEqual(
      holders.map(({ process, fds }) => [process?.pid, fds.map(({ fd }) => fd)]),
      [[agent.pid, [6]]],
    );
    assert.deepEqual(hintsAt({ ...binding, verdict, queues, holders }, agent.pid), [
      [IN_FLIGHT, agent.pid, 4],
    ]);
  },
);

test(
  'scenario 14: a file registered with io_uring and then closed: HIDDEN, with a hint to the ring',
  { skip: skip === false ? missing('io_uring') : skip },
  async (t) => {
    const stage = setStage(t);
    const name = stage.deviceName();
    const agent = await stage.agent([stage.queue(name)]);
    const ring = await agent.ring();
    await agent.register(ring, 3);
    const held = await tapmap.binding(name, stage.home);
    assert.equal(held.verdict, Verdict.VERDICT_HELD);
    assert.deepEqual(held.hints, []);

    await agent.close(3);
    const hidden = await tapmap.binding(name, stage.home);
    assert.equal(hidden.verdict, Verdict.VERDICT_HIDDEN);
    assert.deepEqual(hidden.holders, []);
    assert.deepEqual(hintsAt(hidden, agent.pid), [[IO_URING, agent.pid, ring]]);

    await agent.close(ring);
    await tapmap.gone(name, stage.home);
  },
);
