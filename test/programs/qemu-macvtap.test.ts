// Scenario 25 with a macvtap, as libvirt's `<interface type='direct'>` starts QEMU: the device node is
// opened by whoever starts it, and QEMU inherits the descriptor.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { DeviceKind, Evidence, ReasonCode, Verdict } from '../../src/gen/tapmap/v1/tap_binding.js';
import { Tapmap } from '../scenarios/tapmap.js';
import { missing } from '../stage/ability.js';
import { addMacvtap, missingMacvtap, openMacvtap } from '../stage/macvtap.js';
import { setStage } from '../stage/stage.js';
import { attach, IFF_MULTI_QUEUE, IFF_NO_PI, IFF_TAP, IFF_VNET_HDR } from '../stage/tun.js';
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
  const workload = binding.holders[0]?.workload?.kind;
  assert.ok(workload?.$case === 'virtualMachine');
  assert.equal(workload.value.name, 'direct');

  await vm.quit();
  const left = await tapmap.binding(name, stage.home);
  assert.equal(left.name, binding.name);
  assert.deepEqual(left.holders, []);
  assert.equal(left.lastHolder?.process?.pid, vm.pid);
  assert.deepEqual(left.lastHolder.workload?.kind, workload);
  // The kernel does not count the queues of a macvtap, so that nobody found is not nobody.
  assert.equal(left.verdict, Verdict.VERDICT_UNKNOWN);
  assert.deepEqual(
    left.reasons.map(({ code }) => code),
    [ReasonCode.REASON_CODE_QUEUE_COUNT_UNAVAILABLE],
  );
});

test(
  'scenario 25: QEMU on two queues of a macvtap is told with both of them',
  { skip },
  async (t) => {
    const stage = setStage(t);
    const [bridge, name] = [stage.deviceName(), stage.deviceName()];
    stage.home.ip('link', 'add', bridge, 'type', 'bridge');
    addMacvtap(stage, bridge, name);
    const queues = [
      await openMacvtap(stage, stage.home, name),
      await openMacvtap(stage, stage.home, name),
    ];
    // As libvirt does with each file.
    for (const { fd } of queues)
      attach(fd, name, IFF_TAP | IFF_NO_PI | IFF_MULTI_QUEUE | IFF_VNET_HDR);
    const vm = await qemu(stage, { fds: queues.map(({ fd }) => fd) }, [
      ...['-netdev', 'tap,id=net0,fds=3:4,vhost=off'],
      ...['-device', 'virtio-net-device,netdev=net0,mq=on'],
    ]);
    for (const queue of queues) queue.close();

    const { verdict, queues: counted, holders } = await tapmap.binding(name, stage.home);
    assert.equal(verdict, Verdict.VERDICT_HELD);
    assert.deepEqual(counted, { attached: undefined, disabled: undefined, found: 2 });
    assert.equal(holders.length, 1);
    const { process, fds } = holders[0]!;
    assert.equal(process?.pid, vm.pid);
    // The second is detached until a driver in the guest asks for it, which a macvtap's file does not tell.
    assert.deepEqual(
      fds.map(({ fd, detached, evidence }) => [fd, detached, evidence]),
      [
        [3, false, Evidence.EVIDENCE_IOCTL],
        [4, false, Evidence.EVIDENCE_IOCTL],
      ],
    );
    assert.notEqual(fds[0]?.queue, fds[1]?.queue);
  },
);
