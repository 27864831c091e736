// Scenario 27: many devices.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Evidence, Verdict } from '../../src/gen/tapmap/v1/tap_binding.js';
import { missing } from '../stage/ability.js';
import type { Holder } from '../stage/holder.js';
import { setStage } from '../stage/stage.js';
import { Tapmap } from './tapmap.js';

const PROCESSES = 500;
const TAPS_EACH = 4;
const AT_ONCE = 25;
const skip = missing('root', 'tun', 'netns');

test('scenario 27: 2,000 taps in 500 processes, all in one scan', { skip }, async (t) => {
  const tapmap = await Tapmap.start();
  t.after(() => tapmap.stop());
  const stage = setStage(t);
  const netns = stage.netns();
  const holderOf = new Map<string, [pid: number, fd: number]>();
  const holders: Holder[] = [];
  const startOne = async (i: number): Promise<void> => {
    const names = Array.from({ length: TAPS_EACH }, (_, j) => `tap${i * TAPS_EACH + j}`);
    const holder = await stage.holder(netns.within(() => names.map((name) => stage.queue(name))));
    holders.push(holder);
    for (const [j, name] of names.entries()) holderOf.set(name, [holder.pid, 3 + j]);
  };
  for (let i = 0; i < PROCESSES; i += AT_ONCE) {
    await Promise.all(Array.from({ length: AT_ONCE }, (_, j) => startOne(i + j)));
  }

  // All at once: the kernel takes its time to unregister a device.
  stage.atEnd(async () => {
    await Promise.all(holders.map((holder) => holder.kill()));
  });
  const { bindings } = await tapmap.list();
  const here = bindings.filter(({ device }) => device?.netns?.inode === BigInt(netns.inode));
  assert.equal(here.length, PROCESSES * TAPS_EACH);
  for (const { device, verdict, holders } of here) {
    assert.equal(verdict, Verdict.VERDICT_HELD);
    const [pid, fd] = holderOf.get(device!.name)!;
    assert.equal(holders.length, 1);
    assert.equal(holders[0]?.process?.pid, pid);
    assert.deepEqual(
      holders[0].fds.map((found) => [found.fd, found.evidence]),
      [[fd, Evidence.EVIDENCE_IOCTL]],
    );
  }
  await tapmap.agreed();
});
