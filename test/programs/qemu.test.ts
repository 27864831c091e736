// Scenario 25: QEMU, with its processor stopped before the first instruction: it has its devices, and
// needs neither KVM nor a guest.
import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { test } from 'node:test';
import { DeviceKind, Evidence, Verdict } from '../../src/gen/tapmap/v1/tap_binding.js';
import { Tapmap } from '../scenarios/tapmap.js';
import { missing } from '../stage/ability.js';
import { setStage } from '../stage/stage.js';
import { executableOf } from './program.js';
import { qemu } from './qemu.js';

const skip = missing(
  'initial-root',
  'tun',
  'netns',
  'command:setpriv',
  'command:qemu-system-x86_64',
);
const tapmap = Tapmap.ofFile(skip);

test(
  'scenario 25: QEMU with a multi-queue tap in a network namespace is told as that virtual machine',
  { skip },
  async (t) => {
    const stage = setStage(t);
    const netns = stage.netns();
    const name = stage.unheldDevice(netns, 'tap', 'multi_queue', 'vnet_hdr');
    const [machine, uuid] = ['accounting,2', randomUUID()];
    const vm = await qemu(stage, { netns }, [
      ...['-name', `guest=${machine.replace(',', ',,')},debug-threads=on`, '-uuid', uuid],
      ...['-netdev', `tap,id=net0,ifname=${name},queues=4,vhost=off,script=no,downscript=no`],
      ...['-device', 'virtio-net-device,netdev=net0,mq=on'],
    ]);

    const binding = await tapmap.binding(name, netns);
    const { device, holders, verdict, queues } = binding;
    assert.equal(verdict, Verdict.VERDICT_HELD);
    assert.equal(device?.kind, DeviceKind.DEVICE_KIND_TAP);
    assert.equal(device.multiQueue, true);
    assert.equal(device.vnetHdr, true);
    assert.deepEqual(device.netns?.paths, [netns.path]);
    // Until a driver in the guest asks for more, QEMU has all but the first of them detached.
    assert.deepEqual(queues, { attached: 1, disabled: 3, found: 4 });
    assert.match(netns.ip('-d', 'link', 'show', name), /numqueues 1 numdisabled 3/);

    assert.equal(holders.length, 1);
    const [{ process, workload, fds }] = holders as [(typeof holders)[0]];
    assert.deepEqual(workload?.kind, {
      $case: 'virtualMachine',
      value: { hypervisor: 'qemu', name: machine, uuid, container: undefined },
    });
    assert.equal(process?.pid, vm.pid);
    assert.equal(process.executable, executableOf('qemu-system-x86_64'));
    assert.equal(process.netns?.inode, BigInt(netns.inode));
    assert.equal(fds.length, 4);
    assert.equal(fds.filter(({ detached }) => detached).length, 3);
    assert.ok(fds.every(({ evidence }) => evidence === Evidence.EVIDENCE_IOCTL));
    assert.ok(fds.every(({ openedIn }) => openedIn?.inode === BigInt(netns.inode)));

    await vm.quit();
    const left = await tapmap.binding(name, netns);
    assert.equal(left.name, binding.name);
    assert.equal(left.verdict, Verdict.VERDICT_UNHELD);
    assert.equal(left.lastHolder?.process?.pid, vm.pid);
    assert.deepEqual(left.lastHolder.workload, workload);
  },
);

test(
  'scenario 25: a tap that is plugged into a running QEMU comes and goes, with all queues enabled',
  { skip },
  async (t) => {
    const stage = setStage(t);
    const netns = stage.netns();
    const name = stage.deviceName();
    const vm = await qemu(stage, { netns }, []);
    // A backend without a device in front of it leaves its queues as they are attached.
    const backend = {
      type: 'tap',
      id: 'net1',
      ifname: name,
      queues: 2,
      script: 'no',
      downscript: 'no',
    };
    await vm.execute('netdev_add', backend);
    const { verdict, queues, holders, device } = await tapmap.binding(name, netns);
    assert.equal(verdict, Verdict.VERDICT_HELD);
    assert.equal(device?.persistent, false);
    assert.deepEqual(queues, { attached: 2, disabled: 0, found: 2 });
    assert.deepEqual(
      holders.map(({ process, fds }) => [process?.pid, fds.length]),
      [[vm.pid, 2]],
    );

    await vm.execute('netdev_del', { id: 'net1' });
    const { bindings } = await tapmap.agreed();
    assert.deepEqual(
      bindings.filter(({ device }) => device?.name === name),
      [],
    );
  },
);
