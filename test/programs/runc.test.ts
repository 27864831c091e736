// Scenario 26: a container of runc alone, without an engine above it.
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { Evidence, Verdict, Workload } from '../../src/gen/tapmap/v1/tap_binding.js';
import { Tapmap } from '../scenarios/tapmap.js';
import { missing } from '../stage/ability.js';
import type { Netns } from '../stage/netns.js';
import { setStage, type Stage } from '../stage/stage.js';
import { cgroupDirectories, noCgroups } from './cgroups.js';
import { PrivateRun } from './private-run.js';
import { makeRootFilesystem, noStaticProgram } from './root-filesystem.js';
import { Runc, type RuncContainer } from './runc.js';

const skip =
  missing('initial-root', 'tun', 'netns', 'command:setpriv', 'command:unshare', 'command:runc') ||
  noCgroups() ||
  noStaticProgram();
let directory: string;
let own: PrivateRun;
let tapmap: Tapmap;
before(async () => {
  if (skip !== false) return;
  directory = mkdtempSync(join(tmpdir(), 'tapmap-runc-'));
  makeRootFilesystem(`${directory}/rootfs`);
  own = await PrivateRun.start();
  tapmap = await Tapmap.start({ under: own.under });
});
after(async () => {
  if (skip !== false) return;
  await tapmap.stop();
  await own.stop();
  rmSync(directory, { recursive: true });
});

/** Starts one that is attached to `device`, in a network namespace of its own or in a given one. */
async function container(stage: Stage, device: string, netns?: Netns): Promise<RuncContainer> {
  const program = { args: ['/attach', device], ready: /^attached$/m };
  return await new Runc(own, directory).run(stage, { ...program, ...(netns && { netns }) });
}

function containerOf(id: string): Workload {
  return Workload.fromPartial({
    kind: { $case: 'container', value: { runtime: 'runc', id } },
  });
}

test(
  'scenario 26: the tap that a container of runc made through its own device node is told as its',
  { skip },
  async (t) => {
    const stage = setStage(t);
    const name = stage.deviceName();
    const { id, pid, netns, end } = await container(stage, name);

    const { device, verdict, queues, holders } = await tapmap.binding(name, netns);
    assert.equal(verdict, Verdict.VERDICT_HELD);
    assert.deepEqual(queues, { attached: 1, disabled: 0, found: 1 });
    assert.deepEqual(device?.netns?.paths, []);
    assert.equal(device.netns.pid, pid);
    assert.equal(device.netns.container, id.slice(0, 12));
    assert.equal(holders.length, 1);
    const { process, workload, fds } = holders[0]!;
    assert.equal(process?.pid, pid);
    assert.deepEqual(workload, containerOf(id));
    assert.deepEqual(process.nsPids, [pid, 1]);
    assert.equal(process.executable, '/attach');
    assert.equal(process.userName, 'root');
    assert.equal(process.cgroup, `/${id}`);
    assert.equal(process.netns?.inode, BigInt(netns.inode));
    assert.deepEqual(
      fds.map(({ evidence, openedIn }) => [evidence, openedIn?.inode]),
      [[Evidence.EVIDENCE_IOCTL, BigInt(netns.inode)]],
    );

    await end();
    const { bindings } = await tapmap.agreed();
    assert.deepEqual(
      bindings.filter(({ device }) => device?.name === name),
      [],
    );
    assert.deepEqual(cgroupDirectories(id), []);
  },
);

test(
  'scenario 26: a persistent tap that a container of runc held is UNHELD after it, and remembers it',
  { skip },
  async (t) => {
    const stage = setStage(t);
    const pod = stage.netns();
    const name = stage.unheldDevice(pod);
    const { id, pid, end } = await container(stage, name, pod);
    const held = await tapmap.binding(name, pod);
    assert.equal(held.verdict, Verdict.VERDICT_HELD);
    assert.deepEqual(
      held.holders.map(({ process }) => process?.nsPids),
      [[pid, 1]],
    );
    assert.ok(held.device?.netns?.paths.includes(pod.path));

    await end();
    const left = await tapmap.binding(name, pod);
    assert.equal(left.name, held.name);
    assert.equal(left.verdict, Verdict.VERDICT_UNHELD);
    assert.equal(left.lastHolder?.process?.pid, pid);
    assert.deepEqual(left.lastHolder.workload, containerOf(id));
  },
);
