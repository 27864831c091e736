// Scenarios 25 and 26 in one, as KubeVirt has it: QEMU in a container, on a tap of the pod's network
// namespace.
import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { lstatSync, mkdirSync, mkdtempSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { Container, Verdict, Workload } from '../../src/gen/tapmap/v1/tap_binding.js';
import { Tapmap } from '../scenarios/tapmap.js';
import { missing } from '../stage/ability.js';
import { setStage } from '../stage/stage.js';
import { noCgroups } from './cgroups.js';
import { PrivateRun } from './private-run.js';
import { executableOf } from './program.js';
import { MACHINE } from './qemu.js';
import { Runc } from './runc.js';

const skip =
  missing(
    ...(['initial-root', 'tun', 'netns', 'command:setpriv', 'command:unshare'] as const),
    ...(['command:runc', 'command:qemu-system-x86_64'] as const),
  ) ||
  noCgroups() ||
  notOfUsr();
/** The container sees /usr of this machine, and no more of it. */
function notOfUsr(): string | false {
  const merged = ['/bin', '/lib'].every((path) => lstatSync(path).isSymbolicLink());
  return merged ? false : '/lib is not in /usr';
}

let directory: string;
let own: PrivateRun;
let tapmap: Tapmap;
before(async () => {
  if (skip !== false) return;
  directory = mkdtempSync(join(tmpdir(), 'tapmap-pod-'));
  // The programs of this machine: `/usr` as it is.
  for (const mountPoint of ['dev', 'proc', 'usr'])
    mkdirSync(`${directory}/rootfs/${mountPoint}`, { recursive: true });
  for (const link of ['bin', 'lib', 'lib64', 'sbin'])
    symlinkSync(`usr/${link}`, `${directory}/rootfs/${link}`);
  own = await PrivateRun.start();
  tapmap = await Tapmap.start({ under: own.under });
});
after(async () => {
  if (skip !== false) return;
  await tapmap.stop();
  await own.stop();
  rmSync(directory, { recursive: true });
});

test(
  'scenarios 25 and 26: QEMU in a container is told as the machine, and the container with it',
  { skip },
  async (t) => {
    const stage = setStage(t);
    const pod = stage.netns();
    const tap = stage.unheldDevice(pod, 'tap', 'vnet_hdr');
    const [name, uuid] = ['default_vmi', randomUUID()];
    const { id, pid, end } = await new Runc(own, directory).run(stage, {
      args: [
        executableOf('qemu-system-x86_64'),
        ...MACHINE,
        ...['-name', `guest=${name},debug-threads=on`, '-uuid', uuid],
        ...['-netdev', `tap,id=net0,ifname=${tap},vhost=off,script=no,downscript=no`],
        ...['-device', 'virtio-net-device,netdev=net0'],
      ],
      ready: /"QMP": /,
      netns: pod,
      sees: ['/usr'],
    });

    const { holders, verdict } = await tapmap.binding(tap, pod);
    assert.equal(verdict, Verdict.VERDICT_HELD);
    assert.equal(holders.length, 1);
    const { process, workload } = holders[0]!;
    assert.equal(process?.pid, pid);
    assert.deepEqual(process.nsPids, [pid, 1]);
    const container = Container.fromPartial({ runtime: 'runc', id });
    const machine = { hypervisor: 'qemu', name, uuid, container };
    assert.deepEqual(
      workload,
      Workload.fromPartial({ kind: { $case: 'virtualMachine', value: machine } }),
    );

    await end();
    const left = await tapmap.binding(tap, pod);
    assert.equal(left.verdict, Verdict.VERDICT_UNHELD);
    assert.equal(left.lastHolder?.process?.pid, pid);
    assert.deepEqual(left.lastHolder.workload, workload);
  },
);
