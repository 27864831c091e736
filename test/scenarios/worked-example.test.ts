// Scenario 1: the reason why tapmap exists.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Evidence, Verdict } from '../../src/gen/tapmap/v1/tap_binding.js';
import { missing } from '../stage/ability.js';
import { setStage } from '../stage/stage.js';
import { Tapmap } from './tapmap.js';

const skip = missing('root', 'tun', 'netns');
const tapmap = Tapmap.ofFile(skip);

test(
  'scenario 1: of two devices of one name, the one that moved is held, the one at home is not',
  { skip },
  async (t) => {
    const stage = setStage(t);
    const name = stage.unheldDevice();
    const holder = await stage.holder([stage.queue(name)]);
    const fooz = stage.netns();
    const movedIndex = stage.home.ifindex(name);
    stage.home.move(name, fooz);
    stage.home.ip('tuntap', 'add', name, 'mode', 'tap');

    const moved = await tapmap.binding(name, fooz);
    assert.equal(moved.verdict, Verdict.VERDICT_HELD);
    assert.equal(moved.device?.ifindex, fooz.ifindex(name));
    assert.equal(moved.device.ifindex, movedIndex);
    assert.deepEqual(moved.device.netns?.paths, [fooz.path]);
    assert.equal(moved.device.netns.initial, false);
    assert.deepEqual(
      moved.holders.map(({ process, fds }) => [process?.pid, fds.map(({ fd }) => fd)]),
      [[holder.pid, [3]]],
    );
    assert.equal(moved.holders[0]?.fds[0]?.evidence, Evidence.EVIDENCE_IOCTL);
    assert.equal(moved.holders[0].fds[0].openedIn?.inode, BigInt(stage.home.inode));

    const atHome = await tapmap.binding(name, stage.home);
    assert.equal(atHome.verdict, Verdict.VERDICT_UNHELD);
    assert.deepEqual(atHome.holders, []);
    assert.equal(atHome.device?.netns?.initial, true);
    assert.notEqual(atHome.name, moved.name);
  },
);
