// Scenario 21, the other side: the device is deleted, renamed or moved between any two steps.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Binding } from '../../src/model/binding.js';
import { missing } from '../stage/ability.js';
import { setStage } from '../stage/stage.js';
import { IFF_NO_PI, IFF_TAP, IFF_TUN } from '../stage/tun.js';
import { called, holderPids, inspectorOn, scanned } from './inspecting.js';
import { interrupted, momentsOf, STEPS } from './moments.js';

const skip = missing('root', 'tun', 'netns');

/** All that a mixture of two moments would tell wrong. */
function told(binding: Binding) {
  const { device, verdict, queues } = binding;
  const { name, ifindex, netns } = device;
  return { name, ifindex, netns: netns.inode, verdict, queues, holders: holderPids(binding) };
}

for (const moment of momentsOf(STEPS)) {
  const when = `right ${moment.when} ${moment.step}`;

  test(`scenario 21: the device is deleted ${when}`, { skip }, async (t) => {
    const stage = setStage(t);
    const device = stage.deviceName();
    const { pid } = await stage.holder([stage.queue(device)]);
    const was = { name: device, ...held(pid, stage.home.ifindex(device), stage.home.inode) };
    const { kernel, happened } = interrupted(moment, { pid, device }, () => {
      stage.home.ip('link', 'del', device);
    });
    const inspector = inspectorOn(kernel);
    const during = called(await scanned(inspector), device).map(told);
    assert.ok(happened());
    if (during.length > 0) assert.deepEqual(during, [was]);
    assert.deepEqual(called(await scanned(inspector), device), []);
  });

  test(`scenario 21: the device is renamed ${when}`, { skip }, async (t) => {
    const stage = setStage(t);
    const [device, renamed] = [stage.deviceName(), stage.deviceName()];
    const { pid } = await stage.holder([stage.queue(device)]);
    const same = held(pid, stage.home.ifindex(device), stage.home.inode);
    const { kernel, happened } = interrupted(moment, { pid, device }, () => {
      stage.home.ip('link', 'set', device, 'name', renamed);
    });
    const inspector = inspectorOn(kernel);
    const during = called(await scanned(inspector), device, renamed).map(told);
    assert.ok(happened());
    const name = during[0]?.name === device ? device : renamed;
    assert.deepEqual(during, [{ name, ...same }]);
    const next = called(await scanned(inspector), device, renamed).map(told);
    assert.deepEqual(next, [{ name: renamed, ...same }]);
  });

  test(`scenario 21: the device is moved to another namespace ${when}`, { skip }, async (t) => {
    const stage = setStage(t);
    const [device, target] = [stage.deviceName(), stage.netns()];
    const { pid } = await stage.holder([stage.queue(device)]);
    const from = { name: device, ...held(pid, stage.home.ifindex(device), stage.home.inode) };
    const { kernel, happened } = interrupted(moment, { pid, device }, () => {
      stage.home.move(device, target);
    });
    const inspector = inspectorOn(kernel);
    const during = called(await scanned(inspector), device).map(told);
    assert.ok(happened());
    const to = { name: device, ...held(pid, target.ifindex(device), target.inode) };
    assert.deepEqual(during, [during[0]?.netns === stage.home.inode ? from : to]);
    assert.deepEqual(called(await scanned(inspector), device).map(told), [to]);
  });

  test(`scenario 21: another device takes its name ${when}`, { skip }, async (t) => {
    const stage = setStage(t);
    const [device, renamed] = [stage.deviceName(), stage.deviceName()];
    const { pid } = await stage.holder([stage.queue(device)]);
    const ifindex = stage.home.ifindex(device);
    const { kernel, happened } = interrupted(moment, { pid, device }, () => {
      stage.home.ip('link', 'set', device, 'name', renamed);
      // As many queues as the first one, so that no count tells them apart. This process is no holder.
      stage.queue(device);
    });
    const inspector = inspectorOn(kernel);
    const during = called(await inspector.scan(), device, renamed);
    assert.ok(happened());
    assert.ok(during.some((binding) => binding.device.ifindex === ifindex));
    for (const binding of during) {
      assert.deepEqual(holderPids(binding), binding.device.ifindex === ifindex ? [pid] : []);
    }
    const next = called(await scanned(inspector), device, renamed);
    assert.deepEqual(
      new Map(next.map((binding) => [binding.device.ifindex, holderPids(binding)])),
      new Map([
        [ifindex, [pid]],
        [stage.home.ifindex(device), []],
      ]),
    );
  });

  // A TUN device has no address that would tell it from the one before.
  for (const [kind, flags] of [
    ['TAP', IFF_TAP | IFF_NO_PI],
    ['TUN', IFF_TUN | IFF_NO_PI],
  ] as const) {
    test(`scenario 21: a ${kind} device is deleted and made anew ${when}`, { skip }, async (t) => {
      const stage = setStage(t);
      const device = stage.deviceName();
      const { pid } = await stage.holder([stage.queue(device, flags)]);
      const ifindex = stage.home.ifindex(device);
      const { kernel, happened } = interrupted(moment, { pid, device }, () => {
        stage.home.ip('link', 'del', device);
        stage.queue(device, flags);
      });
      const inspector = inspectorOn(kernel);
      const during = called(await inspector.scan(), device);
      assert.ok(happened());
      for (const binding of during) {
        assert.deepEqual(holderPids(binding), binding.device.ifindex === ifindex ? [pid] : []);
      }
      const next = called(await scanned(inspector), device);
      assert.deepEqual(next.map(holderPids), [[]]);
    });
  }
}

function held(pid: number, ifindex: number, netns: number) {
  const queues = { attached: 1, disabled: 0, found: 1 };
  return { ifindex, netns, verdict: 'HELD', queues, holders: [pid] };
}
