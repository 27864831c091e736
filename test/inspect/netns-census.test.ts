// Network namespaces that there is only one way into, on the real kernel.
import assert from 'node:assert/strict';
import { openSync, statSync } from 'node:fs';
import { test } from 'node:test';
import type { Binding } from '../../src/model/binding.js';
import { missing } from '../stage/ability.js';
import { Netns, removeNetns } from '../stage/netns.js';
import { setStage } from '../stage/stage.js';
import { openQueue } from '../stage/tun.js';
import { holderPids, inspectorOn, scanned } from './inspecting.js';

const skip = missing('root', 'tun', 'netns');

async function devicesIn(inode: number): Promise<Binding[]> {
  const { bindings } = await scanned(inspectorOn());
  return bindings.filter(({ device }) => device.netns.inode === inode);
}

function unnamed(netns: Netns): void {
  removeNetns(netns.path.replace(/^.*\//, ''));
}

test('the namespace of a thread, in which its process is not, is listed', { skip }, async (t) => {
  const stage = setStage(t);
  const agent = await stage.agent();
  const tid = await agent.threadInNewNetns();
  const netns = new Netns(`/proc/${agent.pid}/task/${tid}/ns/net`);
  assert.notEqual(netns.inode, stage.home.inode);
  const device = stage.unheldDevice();
  stage.home.ip('link', 'set', device, 'netns', netns.path);
  const [binding, ...more] = await devicesIn(netns.inode);
  assert.deepEqual(more, []);
  assert.equal(binding?.device.name, device);
  assert.equal(binding.verdict, 'UNHELD');
  assert.deepEqual(binding.device.netns.paths, []);
});

test('a namespace that is only open as a file of some process is listed', { skip }, async (t) => {
  const stage = setStage(t);
  const netns = stage.netns();
  const device = stage.unheldDevice(netns);
  await stage.holder([stage.own(openSync(netns.path, 'r'))]);
  unnamed(netns);
  const [binding, ...more] = await devicesIn(netns.inode);
  assert.deepEqual(more, []);
  assert.equal(binding?.device.name, device);
  assert.equal(binding.verdict, 'UNHELD');
  assert.deepEqual([binding.device.netns.pid, binding.device.netns.paths], [null, []]);
});

test(
  'namespaces of other types that are open as files are no network namespaces',
  { skip },
  async (t) => {
    const stage = setStage(t);
    const paths = ['mnt', 'uts', 'pid'].map((type) => `/proc/self/ns/${type}`);
    const inodes = paths.map((path) => statSync(path).ino);
    await stage.holder(paths.map((path) => stage.own(openSync(path, 'r'))));
    const { coverage } = await scanned(inspectorOn());
    // One that is entered all the same would refuse.
    assert.deepEqual(
      coverage.deniedNetns.filter(({ inode }) => inodes.includes(inode)),
      [],
    );
  },
);

test(
  'a namespace that only a tun file keeps is listed, with all its devices',
  { skip },
  async (t) => {
    const stage = setStage(t);
    const netns = stage.netns();
    const unheld = stage.unheldDevice(netns);
    const held = stage.deviceName();
    const holder = await stage.holder([stage.own(netns.within(() => openQueue(held)))]);
    unnamed(netns);
    const bindings = await devicesIn(netns.inode);
    assert.deepEqual(
      bindings.map((binding) => [binding.device.name, binding.verdict, holderPids(binding)]).sort(),
      [
        [held, 'HELD', [holder.pid]],
        [unheld, 'UNHELD', []],
      ].sort(),
    );
    for (const { device } of bindings) {
      assert.deepEqual([device.netns.pid, device.netns.paths], [null, []]);
    }
  },
);

test(
  'a namespace that only the file of a device that was moved away keeps is listed',
  { skip },
  async (t) => {
    const stage = setStage(t);
    const netns = stage.netns();
    const unheld = stage.unheldDevice(netns);
    const moved = stage.deviceName();
    const queue = stage.own(netns.within(() => openQueue(moved)));
    netns.ip('link', 'set', moved, 'netns', String(process.pid));
    await stage.holder([queue]);
    unnamed(netns);
    assert.deepEqual(
      (await devicesIn(netns.inode)).map(({ device }) => device.name),
      [unheld],
    );
  },
);
