// Scenario 25 with a macvtap, as libvirt's `<interface type='direct'>` starts QEMU: the device node is
// opened by whoever starts it, and QEMU inherits the descriptor.
import assert from 'node:assert/strict';
import { existsSync, openSync, readFileSync } from 'node:fs';
import { test } from 'node:test';
import { DeviceKind } from '../../src/gen/tapmap/v1/tap_binding.js';
import { Tapmap } from '../scenarios/tapmap.js';
import { missing } from '../stage/ability.js';
import { setStage } from '../stage/stage.js';
import { until } from '../stage/until.js';
import { executableOf } from './program.js';
import { qemu } from './qemu.js';

const skip =
  missing('initial-root', 'tun', 'netns', 'command:setpriv', 'command:qemu-system-x86_64') ||
  noMacvtap();
const tapmap = Tapmap.ofFile(skip);

/** The driver may be a module, which the test does not load, and devtmpfs makes the node. */
function noMacvtap(): string | false {
  if (!/^ *\d+ macvtap$/m.test(readFileSync('/proc/devices', 'utf8'))) return 'no macvtap driver';
  const devtmpfs = / \/dev \S+ (?:\S+ )*- devtmpfs /m.test(
    readFileSync('/proc/self/mountinfo', 'utf8'),
  );
  return devtmpfs ? false : 'no devtmpfs';
}

test('scenario 25: QEMU on a macvtap is told as its holder', { skip }, async (t) => {
  const stage = setStage(t);
  const [bridge, name] = [stage.deviceName(), stage.deviceName()];
  stage.home.ip('link', 'add', bridge, 'type', 'bridge');
  stage.home.ip('link', 'add', 'link', bridge, 'name', name, 'type', 'macvtap', 'mode', 'bridge');
  const node = `/dev/tap${stage.home.ifindex(name)}`;
  await until('devtmpfs has made the node', () => existsSync(node));
  const queue = stage.own(openSync(node, 'r+'));
  const vm = await qemu(stage, { fds: [queue.fd] }, [
    ...['-name', 'guest=direct'],
    ...['-netdev', 'tap,id=net0,fd=3,vhost=off', '-device', 'virtio-net-device,netdev=net0'],
  ]);
  queue.close();

  const binding = await tapmap.binding(name, stage.home);
  assert.equal(binding.device?.kind, DeviceKind.DEVICE_KIND_MACVTAP);
  assert.equal(binding.queues?.found, 1);
  assert.deepEqual(
    binding.holders.map(({ process, fds }) => [
      process?.pid,
      process?.executable,
      fds.map(({ fd }) => fd),
    ]),
    [[vm.pid, executableOf('qemu-system-x86_64'), [3]]],
  );

  await vm.quit();
  const left = await tapmap.binding(name, stage.home);
  assert.equal(left.name, binding.name);
  assert.deepEqual(left.holders, []);
  assert.equal(left.lastHolder?.process?.pid, vm.pid);
});
