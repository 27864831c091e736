// Scenario 26: OpenVPN, without a peer and without keys: it has its device from the start.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { DeviceKind, Evidence, Verdict } from '../../src/gen/tapmap/v1/tap_binding.js';
import { Tapmap } from '../scenarios/tapmap.js';
import { missing } from '../stage/ability.js';
import { setStage, type Stage } from '../stage/stage.js';
import type { Netns } from '../stage/netns.js';
import { noCgroups, putInUnit } from './cgroups.js';
import { executableOf, startProgram, type Program } from './program.js';

const skip = missing('initial-root', 'tun', 'netns', 'command:setpriv', 'command:openvpn');
const tapmap = Tapmap.ofFile(skip);

/** Resolves when it has its device and its socket, which is on the loopback of `netns`. */
async function openvpn(stage: Stage, netns: Netns, device: string): Promise<Program> {
  netns.ip('link', 'set', 'lo', 'up');
  const program = await startProgram(
    stage,
    [
      'openvpn',
      ...['--dev', device, '--dev-type', 'tap', '--ifconfig-noexec', '--route-noexec'],
      ...['--proto', 'udp4', '--local', '127.0.0.1', '--lport', '1194'],
    ],
    { netns },
  );
  await program.says(/UDPv4 link local/);
  return program;
}

test('scenario 26: OpenVPN is told as the holder of the tap that it made', { skip }, async (t) => {
  const stage = setStage(t);
  const netns = stage.netns();
  const name = stage.deviceName();
  const vpn = await openvpn(stage, netns, name);

  const { device, verdict, queues, holders } = await tapmap.binding(name, netns);
  assert.equal(verdict, Verdict.VERDICT_HELD);
  assert.equal(device?.kind, DeviceKind.DEVICE_KIND_TAP);
  assert.equal(device.persistent, false);
  assert.equal(device.ifindex, netns.ifindex(name));
  assert.deepEqual(queues, { attached: 1, disabled: 0, found: 1 });
  assert.deepEqual(
    holders.map(({ process }) => [process?.pid, process?.comm, process?.executable]),
    [[vpn.pid, 'openvpn', executableOf('openvpn')]],
  );
  assert.deepEqual(
    holders[0]!.fds.map(({ evidence }) => evidence),
    [Evidence.EVIDENCE_IOCTL],
  );

  // What is told of it is what is told of any process that the test starts: it is no workload by itself.
  const plain = stage.deviceName();
  await stage.holder([stage.queue(plain)]);
  const other = await tapmap.binding(plain, stage.home);
  assert.deepEqual(holders[0]!.workload, other.holders[0]?.workload);

  await vpn.kill('SIGTERM');
  const { bindings } = await tapmap.agreed();
  assert.deepEqual(
    bindings.filter(({ device }) => device?.name === name),
    [],
  );
});

test(
  'scenario 26: a tap made with `openvpn --mktun` is UNHELD before and after OpenVPN runs on it',
  { skip },
  async (t) => {
    const stage = setStage(t);
    const netns = stage.netns();
    const name = stage.deviceName();
    netns.run('openvpn', '--mktun', '--dev', name, '--dev-type', 'tap');
    const made = await tapmap.binding(name, netns);
    assert.equal(made.verdict, Verdict.VERDICT_UNHELD);
    assert.equal(made.device?.persistent, true);
    // It holds the tap while it makes it, which may be seen.
    const maker = made.lastHolder?.process?.comm ?? 'openvpn';
    assert.equal(maker, 'openvpn');

    const vpn = await openvpn(stage, netns, name);
    const held = await tapmap.binding(name, netns);
    assert.equal(held.name, made.name);
    assert.equal(held.verdict, Verdict.VERDICT_HELD);
    assert.deepEqual(
      held.holders.map(({ process }) => process?.pid),
      [vpn.pid],
    );

    await vpn.kill('SIGTERM');
    const left = await tapmap.binding(name, netns);
    assert.equal(left.verdict, Verdict.VERDICT_UNHELD);
    assert.equal(left.lastHolder?.process?.pid, vpn.pid);
    assert.deepEqual(left.lastHolder.workload, held.holders[0]?.workload);
  },
);

test(
  'scenario 26: OpenVPN in the control group of a unit is told as that unit, also after it',
  { skip: skip || noCgroups() },
  async (t) => {
    const stage = setStage(t);
    const netns = stage.netns();
    const name = stage.unheldDevice(netns);
    const vpn = await openvpn(stage, netns, name);
    // Where Debian's openvpn@.service runs it. There is no systemd to do so on every machine.
    const [slice, unit] = ['system-openvpn.slice', `openvpn@tapmap-test-${process.pid}.service`];
    stage.atEnd(putInUnit(vpn.pid, ['system.slice', slice], unit));
    stage.atEnd(() => vpn.kill());

    const { holders } = await tapmap.binding(name, netns);
    const workload = { kind: { $case: 'systemdUnit', value: { unit, slice } } };
    assert.deepEqual(
      holders.map(({ process, workload }) => [process?.pid, process?.cgroup, workload]),
      [[vpn.pid, `/system.slice/${slice}/${unit}`, workload]],
    );

    await vpn.kill('SIGTERM');
    const { verdict, lastHolder } = await tapmap.binding(name, netns);
    assert.equal(verdict, Verdict.VERDICT_UNHELD);
    assert.deepEqual(lastHolder?.workload, workload);
  },
);
