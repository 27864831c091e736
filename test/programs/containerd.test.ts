// Scenario 26: a container of containerd, made from an image that the test archives and imports.
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { Evidence, Verdict } from '../../src/gen/tapmap/v1/tap_binding.js';
import { Tapmap } from '../scenarios/tapmap.js';
import { missing } from '../stage/ability.js';
import { Netns } from '../stage/netns.js';
import { setStage, type Stage } from '../stage/stage.js';
import { cgroupDirectories, noCgroups } from './cgroups.js';
import { Containerd } from './containerd.js';
import { archiveImage } from './image-archive.js';
import { PrivateRun } from './private-run.js';
import { makeRootFilesystem, noStaticProgram } from './root-filesystem.js';

const IMAGE = 'tapmap.test/attach:latest';

const NO_POD = { podUid: '', podName: '', podNamespace: '' };

const skip =
  missing(
    ...(['initial-root', 'tun', 'netns', 'command:setpriv', 'command:unshare'] as const),
    ...(['command:containerd', 'command:ctr', 'command:runc', 'command:tar'] as const),
  ) ||
  noCgroups() ||
  noStaticProgram();
let directory: string;
let own: PrivateRun;
let tapmap: Tapmap;
before(async () => {
  if (skip !== false) return;
  directory = mkdtempSync(join(tmpdir(), 'tapmap-containerd-'));
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

async function start(stage: Stage): Promise<Containerd> {
  const containerd = await Containerd.start(stage, own, directory);
  containerd.importImage(
    archiveImage(directory, { name: IMAGE, labels: { 'org.example.team': 'network' } }),
  );
  return containerd;
}

test(
  'scenario 26: the tap that a container of containerd made through its own device node is told as its',
  { skip },
  async (t) => {
    const stage = setStage(t);
    const containerd = await start(stage);
    const name = stage.deviceName();
    const { id, pid, end } = await containerd.run('gateway', name, {
      image: IMAGE,
      // As nerdctl names a container.
      labels: { 'nerdctl/name': 'gateway of the office' },
    });
    const netns = new Netns(`/proc/${pid}/ns/net`);

    const { device, verdict, queues, holders } = await tapmap.binding(name, netns);
    assert.equal(verdict, Verdict.VERDICT_HELD);
    assert.deepEqual(queues, { attached: 1, disabled: 0, found: 1 });
    assert.equal(device?.netns?.pid, pid);
    assert.equal(holders.length, 1);
    const { process, workload, fds } = holders[0]!;
    assert.equal(process?.pid, pid);
    assert.deepEqual(workload?.kind, {
      $case: 'container',
      value: { ...NO_POD, runtime: 'containerd', id, name: 'gateway of the office' },
    });
    assert.deepEqual(process.nsPids, [pid, 1]);
    assert.equal(process.executable, '/attach');
    assert.equal(process.userName, 'root');
    assert.equal(process.cgroup, `/${containerd.namespace}/${id}`);
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
    assert.deepEqual(cgroupDirectories(`${containerd.namespace}/${id}`), []);
  },
);

test(
  'scenario 26: a persistent tap that a container of containerd held is UNHELD after it, and remembers it',
  { skip },
  async (t) => {
    const stage = setStage(t);
    const containerd = await start(stage);
    const netns = stage.netns();
    const name = stage.unheldDevice(netns);
    // What containerd's part for Kubernetes annotates.
    const annotations = {
      'io.kubernetes.cri.container-type': 'container',
      'io.kubernetes.cri.container-name': 'routing',
      'io.kubernetes.cri.sandbox-name': 'router-0',
      'io.kubernetes.cri.sandbox-namespace': 'shop',
      'io.kubernetes.cri.sandbox-uid': '6f1c0b1e-6b4e-4b43-9f43-2b1f0d0c9a11',
    };
    const options = { image: IMAGE, netns, annotations };
    const { pid, end } = await containerd.run('router', name, options);
    const held = await tapmap.binding(name, netns);
    assert.equal(held.verdict, Verdict.VERDICT_HELD);
    assert.deepEqual(
      held.holders.map(({ process }) => process?.nsPids),
      [[pid, 1]],
    );

    const kind = {
      $case: 'container',
      value: {
        runtime: 'containerd',
        id: 'router',
        name: 'routing',
        podUid: annotations['io.kubernetes.cri.sandbox-uid'],
        podName: 'router-0',
        podNamespace: 'shop',
      },
    };
    assert.deepEqual(held.holders[0]?.workload, { kind });

    await end();
    const left = await tapmap.binding(name, netns);
    assert.equal(left.name, held.name);
    assert.equal(left.verdict, Verdict.VERDICT_UNHELD);
    assert.equal(left.lastHolder?.process?.pid, pid);
    assert.deepEqual(left.lastHolder.workload, { kind });
  },
);
