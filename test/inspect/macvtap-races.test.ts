// Scenarios 17 and 21: a macvtap is deleted, renamed or moved between any two steps of a scan.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { linux, type Linux } from '../../src/inspect/linux.js';
import type { Binding } from '../../src/model/binding.js';
import { addMacvtap, missingMacvtap, openMacvtap } from '../stage/macvtap.js';
import { socket } from '../stage/libc.js';
import { removeNetns } from '../stage/netns.js';
import { setStage, type Stage } from '../stage/stage.js';
import { called, holderPids, inspectorOn, scanned } from './inspecting.js';
import { interrupted, MACVTAP_STEPS, momentsOf, type Moment } from './moments.js';

const skip = missingMacvtap();
const ADDRESS = '02:00:00:00:00:21';

/** Each step of the way there, and those that are taken again to confirm. */
const moments: Moment[] = [
  ...momentsOf(MACVTAP_STEPS),
  ...(
    ['pidfdOpen', 'pidfdGetfd', 'tunInterface', 'tunHardwareAddress', 'readTapNodes'] as const
  ).map((step): Moment => ({ when: 'before', step, turn: 2 })),
];

/** `lower` is another one, whose number is free for the next one when it is deleted. */
async function heldMacvtap(stage: Stage) {
  const [below, device, lower] = [stage.unheldDevice(), stage.deviceName(), stage.deviceName()];
  addMacvtap(stage, below, lower);
  addMacvtap(stage, below, device, { address: ADDRESS });
  const { pid } = await stage.holder([await openMacvtap(stage, stage.home, device)]);
  return { below, device, lower, pid, ifindex: stage.home.ifindex(device) };
}

/** Where it is, and whether it was proven to be held. */
function told(binding: Binding) {
  const { device, verdict } = binding;
  return {
    ifindex: device.ifindex,
    netns: device.netns.inode,
    verdict,
    holders: holderPids(binding),
  };
}

/** The binding of the held device says so, and that of no other one says anything of the holder. */
function assertTrue(
  bindings: readonly Binding[],
  ifindex: number,
  netns: number,
  pid: number,
): void {
  for (const binding of bindings) {
    const its = binding.device.ifindex === ifindex && binding.device.netns.inode === netns;
    const { verdict, holders } = told(binding);
    if (its) assert.deepEqual({ verdict, holders }, { verdict: 'HELD', holders: [pid] });
    else assert.deepEqual({ verdict, holders }, { verdict: 'UNKNOWN', holders: [] });
  }
}

for (const moment of moments) {
  const when = `right ${moment.when} ${moment.step}${moment.turn === 2 ? ' once more' : ''}`;

  test(`scenario 17: a macvtap is deleted and made anew ${when}`, { skip }, async (t) => {
    const stage = setStage(t);
    const { below, device, pid, ifindex } = await heldMacvtap(stage);
    const { kernel, happened } = interrupted(moment, { pid, device, kind: 'macvtap' }, () => {
      stage.home.ip('link', 'del', device);
      addMacvtap(stage, below, device, { address: ADDRESS });
    });
    const inspector = inspectorOn(kernel);
    assertTrue(called(await scanned(inspector), device), ifindex, stage.home.inode, pid);
    assert.ok(happened());
    const next = called(await scanned(inspector), device);
    assert.deepEqual(next.map(told), [
      {
        ifindex: stage.home.ifindex(device),
        netns: stage.home.inode,
        verdict: 'UNKNOWN',
        holders: [],
      },
    ]);
  });

  test(`scenario 17: another macvtap takes name and address ${when}`, { skip }, async (t) => {
    const stage = setStage(t);
    const { below, device, lower, pid, ifindex } = await heldMacvtap(stage);
    const renamed = stage.deviceName();
    const { kernel, happened } = interrupted(moment, { pid, device, kind: 'macvtap' }, () => {
      stage.home.ip('link', 'del', lower);
      stage.home.ip('link', 'set', device, 'name', renamed, 'address', '02:00:00:00:00:22');
      addMacvtap(stage, below, device, { address: ADDRESS });
    });
    const inspector = inspectorOn(kernel);
    const during = called(await scanned(inspector), device, renamed);
    assert.ok(happened());
    assertTrue(during, ifindex, stage.home.inode, pid);
    const next = called(await scanned(inspector), device, renamed);
    assert.equal(next.length, 2);
    assertTrue(next, ifindex, stage.home.inode, pid);
  });

  test(
    `scenario 17: a macvtap is moved, and another one takes its place ${when}`,
    { skip },
    async (t) => {
      const stage = setStage(t);
      const { below, device, pid, ifindex } = await heldMacvtap(stage);
      const target = stage.netns();
      const { kernel, happened } = interrupted(moment, { pid, device, kind: 'macvtap' }, () => {
        stage.home.move(device, target);
        addMacvtap(stage, below, device);
      });
      const inspector = inspectorOn(kernel);
      const during = called(await scanned(inspector), device);
      assert.ok(happened());
      const [from, to] = [stage.home.inode, target.inode];
      const moved = during.some(({ device: { netns } }) => netns.inode === to);
      if (moved) assertTrue(during, target.ifindex(device), to, pid);
      else assertTrue(during, ifindex, from, pid);
      const next = called(await scanned(inspector), device);
      assert.equal(next.length, 2);
      assertTrue(next, target.ifindex(device), to, pid);
    },
  );
}

test(
  'scenario 17: a device that was missed while the nodes were listed is not overlooked',
  { skip },
  async (t) => {
    const stage = setStage(t);
    const { device, lower } = await heldMacvtap(stage);
    // The device goes where no way leads to: a socket keeps the namespace.
    const netns = stage.netns();
    stage.own(netns.within(socket));
    stage.home.move(device, netns);
    removeNetns(netns.path.replace(/^.*\//, ''));
    // Its name and address, and a number that may have been its.
    stage.home.ip('link', 'del', lower);
    addMacvtap(stage, stage.unheldDevice(), device, { address: ADDRESS });
    const listed = stage.home.ifindex(device);
    let calls = 0;
    const kernel: Linux = {
      ...linux,
      readTapNodes: (...args) => {
        const nodes = linux.readTapNodes(...args);
        if (calls++ > 0) return nodes;
        return nodes.filter(({ name, ifindex }) => name !== device || ifindex === listed);
      },
    };
    const [binding, ...more] = called(await scanned(inspectorOn(kernel)), device);
    assert.deepEqual(more, []);
    assert.ok(calls > 1);
    assert.equal(binding?.verdict, 'UNKNOWN');
    const claims = binding.holders.flatMap(({ fds }) => fds);
    assert.ok(claims.every(({ evidence }) => evidence === 'NAME'));
  },
);
