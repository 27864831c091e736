// Scenario 25 with a macvtap, as libvirt's `<interface type='direct'>` starts QEMU: the device node is
// opened by whoever starts it, and QEMU inherits the descriptor.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { DeviceKind, Evidence, ReasonCode, Verdict } from '../../src/gen/tapmap/v1/tap_binding.js';
import { Tapmap } from '../scenarios/tapmap.js';
import { missing } from '../stage/ability.js';
import { addMacvtap, missingMacvtap, openMacvtap } from '../stage/macvtap.js';
import { setStage } from '../stage/stage.js';
import { executableOf } from './program.js';
import { qemu } from './qemu.js';

const skip =
  missing('initial-root', 'tun', 'netns', 'command:setpriv', 'command:qemu-system-x86_64') ||
  missingMacvtap();
const tapmap = Tapmap.ofFile(skip);

test('scenario 25: QEMU on a macvtap is told as its holder', { skip }, async (t) => {
  const stage = setStage(t);
  const [bridge, name] = [stage.deviceName(), stage.deviceName()];
  stage.home.ip('link', 'add', bridge, 'type', 'bridge');
  addMacvtap(stage, bridge, name);
  const queue = await openMacvtap(stage, stage.home, name);
  const vm = await qemu(stage, { fds: [queue.fd] }, [
    ...['-name', 'guest=direct'],
    ...['-netdev', 'tap,id=net0,fd=3,vhost=off', '-device', 'virtio-net-device,netdev=net0'],
  ]);
  queue.close();

  const binding = await tapmap.binding(name, stage.home);
  assert.equal(binding.device?.kind, DeviceKind.DEVICE_KIND_MACVTAP);
  assert.equal(binding.queues?.found, 1);
  assert.equal(binding.verdict, Verdict.VERDICT_HELD);
  assert.deepEqual(
    binding.holders.map(({ process, fds }) => [
      process?.pid,
      process?.executable,
      fds.map(({ fd, evidence }) => [fd, evidence]),
    ]),
    [[vm.pid, executableOf('qemu-system-x86_64'), [[3, Evidence.EVIDENCE_IOCTL]]]],
  );

  await vm.quit();
  const left = await tapmap.binding(name, stage.home);
  assert.equal(left.name, binding.name);
  assert.deepEqual(left.holders, []);
  assert.equal(left.lastHolder?.process?.pid, vm.pid);
  // The kernel does not count the queues of a macvtap, so that nobody found is not nobody.
  assert.equal(left.verdict, Verdict.VERDICT_UNKNOWN);
  assert.deepEqual(
    left.reasons.map(({ code }) => code),
    [ReasonCode.REASON_CODE_QUEUE_COUNT_UNAVAILABLE],
  );
});
