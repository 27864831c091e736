// Scenarios 11 and 12: what only a thread holds.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Verdict, type TapBinding } from '../../src/gen/tapmap/v1/tap_binding.js';
import { missing } from '../stage/ability.js';
import { leaderless } from '../stage/leaderless.js';
import { setStage } from '../stage/stage.js';
import { IFF_NO_PI, IFF_TAP } from '../stage/tun.js';
import { Tapmap } from './tapmap.js';

const skip = missing('root', 'tun', 'netns');
const skipLeaderless = missing('initial-root', 'tun', 'netns', 'command:python3');
const tapmap = Tapmap.ofFile(skip);
const CLONE_FILES = 0x400;

type Descriptor = [pid: number | undefined, tid: number | undefined, fd: number];

function descriptors({ holders }: TapBinding): Descriptor[] {
  return holders.flatMap(({ process, fds }) =>
    fds.map(({ tid, fd }): Descriptor => [process?.pid, tid, fd]),
  );
}

test(
  'scenario 11: a thread with a descriptor table of its own holds the only descriptor',
  { skip },
  async (t) => {
    const stage = setStage(t);
    const name = stage.deviceName();
    const agent = await stage.agent([stage.queue(name)]);
    const tid = await agent.threadWithOwnTable();
    const both = await tapmap.binding(name, stage.home);
    assert.equal(both.verdict, Verdict.VERDICT_HELD);
    assert.deepEqual(both.queues, { attached: 1, disabled: 0, found: 1 });

    await agent.close(3);
    const alone = await tapmap.binding(name, stage.home);
    assert.equal(alone.verdict, Verdict.VERDICT_HELD);
    assert.deepEqual(alone.queues, { attached: 1, disabled: 0, found: 1 });
    assert.deepEqual(descriptors(alone), [[agent.pid, tid, 3]]);
  },
);

test(
  'scenario 11: threads that share the table of their process are not told',
  { skip },
  async (t) => {
    const stage = setStage(t);
    const name = stage.deviceName();
    // Node has a dozen of them.
    const agent = await stage.agent([stage.queue(name)]);
    const { verdict, ...binding } = await tapmap.binding(name, stage.home);
    assert.equal(verdict, Verdict.VERDICT_HELD);
    assert.deepEqual(descriptors({ verdict, ...binding }), [[agent.pid, undefined, 3]]);
  },
);

test(
  'scenario 12: the first thread of the holder has ended, and another one holds on',
  { skip: skipLeaderless },
  async (t) => {
    const stage = setStage(t);
    const name = stage.unheldDevice();
    const { pid, tid } = await leaderless(stage, [stage.queue(name, IFF_TAP | IFF_NO_PI)]);
    const binding = await tapmap.binding(name, stage.home);
    assert.equal(binding.verdict, Verdict.VERDICT_HELD);
    assert.deepEqual(descriptors(binding), [[pid, tid, 3]]);
    const [holder] = binding.holders;
    assert.equal(holder?.process?.comm.startsWith('python3'), true);
  },
);

test(
  'scenario 12: likewise when the thread that is left has a table of its own',
  { skip: skipLeaderless },
  async (t) => {
    const stage = setStage(t);
    const name = stage.unheldDevice();
    const { pid, tid } = await leaderless(stage, [stage.queue(name)], { unshare: CLONE_FILES });
    const binding = await tapmap.binding(name, stage.home);
    assert.equal(binding.verdict, Verdict.VERDICT_HELD);
    assert.deepEqual(descriptors(binding), [[pid, tid, 3]]);
  },
);
