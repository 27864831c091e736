import assert from 'node:assert/strict';
import {
  cpSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import fc from 'fast-check';
import { hostRoot, Identification } from '../../src/identify/identification.js';
import type { Subject } from '../../src/identify/workload.js';
import type { Workload } from '../../src/model/holder.js';
import { bare, FixtureHost, fixture, ID, named, OTHER, UID } from './host.js';

function copyOf(t: TestContext, tree: string): string {
  const root = mkdtempSync(join(tmpdir(), 'tapmap-host-'));
  t.after(() => {
    rmSync(root, { recursive: true });
  });
  cpSync(fixture(tree), root, { recursive: true });
  cpSync(fixture('host-users/self'), `${root}/proc/self`, { recursive: true });
  return root;
}

/** What one scan tells is told in one go. */
const laterOn = (): Promise<void> => Promise.resolve();

function subject(path: string, more: Partial<Subject> = {}): Subject {
  return {
    pid: 77,
    startTime: 1,
    executable: '/attach',
    commandLine: ['/attach'],
    controlGroups: [{ controllers: '', path }],
    ...more,
  };
}

/** Replaces a file as engines do. */
function replace(path: string, from: string, to: string): void {
  writeFileSync(`${path}.new`, readFileSync(path, 'utf8').replace(from, to));
  renameSync(`${path}.new`, path);
}

test('a container that is renamed is told by its new name within the time that names are remembered', (t) => {
  const root = copyOf(t, 'docker');
  let now = 0;
  const { workloadOf } = new Identification({ root, procRoot: `${root}/proc` }, () => now);
  const web = subject(`/docker/${ID}`);
  assert.deepEqual(workloadOf(web), named('docker', ID, 'web'));
  replace(`${root}/var/lib/docker/containers/${ID}/config.v2.json`, '"/web"', '"/shop"');
  now = 60_000;
  assert.deepEqual(workloadOf(web), named('docker', ID, 'shop'));
});

test('a process that is moved, that executes another program, or whose id is used again is told anew at once', (t) => {
  const root = copyOf(t, 'docker');
  const { workloadOf } = new Identification({ root, procRoot: `${root}/proc` }, () => 0);
  assert.equal(workloadOf(subject('/')), null);
  assert.deepEqual(workloadOf(subject(`/docker/${ID}`)), named('docker', ID, 'web'));
  assert.deepEqual(workloadOf(subject(`/docker/${OTHER}`, { startTime: 2 }))?.kind, 'container');
  const vm = { executable: '/usr/bin/firecracker', commandLine: ['firecracker', '--id', 'a'] };
  assert.equal(workloadOf(subject('/', vm))?.kind, 'virtualMachine');
  assert.equal(workloadOf(subject('/')), null);
});

test('a container of runc that is made while another is told is told, too, once its state is written', async (t) => {
  const root = copyOf(t, 'runc');
  const { workloadOf } = new Identification({ root, procRoot: `${root}/proc` }, () => 0);
  assert.deepEqual(
    workloadOf(subject('/system.slice/runc-unified.scope')),
    bare('runc', 'unified'),
  );
  await laterOn();
  mkdirSync(`${root}/run/runc/late`);
  assert.equal(workloadOf(subject('/late')), null);
  await laterOn();
  const state = readFileSync(`${root}/run/runc/unified/state.json`, 'utf8')
    .replace('"unified"', '"late"')
    .replace('/system.slice/runc-unified.scope', '/late');
  writeFileSync(`${root}/run/runc/late/state.json`, state);
  // Another process of it: what was told of the first is remembered.
  assert.deepEqual(workloadOf(subject('/late', { pid: 78 })), bare('runc', 'late'));
});

test('the files of the host are behind the first process, where that has another root directory', (t) => {
  const root = mkdtempSync(join(tmpdir(), 'tapmap-root-'));
  t.after(() => {
    rmSync(root, { recursive: true });
  });
  mkdirSync(`${root}/1`);
  assert.equal(hostRoot(root), '/');
  symlinkSync('/', `${root}/1/root`);
  assert.equal(hostRoot(root), '/');
  rmSync(`${root}/1/root`);
  symlinkSync(fixture('users'), `${root}/1/root`);
  const host = hostRoot(root);
  assert.equal(host, `${root}/1/root`);
  const procRoot = fixture('host-users');
  assert.equal(new Identification({ root: host, procRoot }).userNameOf(64055), 'libvirt-qemu');
});

/** What an engine of root's may have been asked to make, in so many words. */
const PROOF = new RegExp(
  [
    '/docker/ID',
    '/(docker|cri-containerd|nerdctl|crio|libpod|libpod-payload)-ID\\.scope',
    '/(crio|libpod|libpod-payload)-ID',
    '/kubepods/(besteffort/|burstable/)?pod[0-9a-f-]+/ID',
    '^/lxc\\.payload\\.[^/]+',
  ]
    .map((shape) => `${shape.replaceAll('ID', '[0-9a-f]{64}')}(/|$)`)
    .join('|'),
);

const group = fc.oneof(
  fc.string({ unit: 'grapheme', maxLength: 10 }),
  fc.constantFrom(
    ID,
    OTHER,
    ID.slice(1),
    'docker',
    'kubepods',
    'besteffort',
    `pod${UID}`,
    'lxc',
    'idtns',
    'web',
  ),
  fc.constantFrom(
    'system.slice',
    'user.slice',
    'user@1000.service',
    'x.service',
    'machine.slice',
    '..',
    '',
  ),
  fc.constantFrom(
    'machine-my\\x2dbox.scope',
    'machine-qemu\\x2d1\\x2dvm1.scope',
    'lxc.payload.a',
    'payload',
  ),
  fc
    .tuple(
      fc.constantFrom('docker', 'crio', 'crio-conmon', 'libpod', 'libpod-conmon', 'x'),
      fc.constantFrom(ID, OTHER),
    )
    .map(([prefix, id]) => `${prefix}-${id}.scope`),
);
const path = fc.array(group, { maxLength: 6 }).map((groups) => `/${groups.join('/')}`);

test('a host without any state tells a container only where the path alone is proof, and never one of a pod', () => {
  const host = new FixtureHost('users');
  const told = new Set<string>();
  fc.assert(
    fc.property(path, path, (unified, systemd) => {
      const workload = host.workload(`0::${unified}\n1:name=systemd:${systemd}\n`);
      if (workload?.kind !== 'container') return;
      told.add(workload.runtime);
      assert.match(`${unified}\n${systemd}`, new RegExp(PROOF, 'm'));
      assert.ok(`${unified}\n${systemd}`.includes(workload.id));
      assert.deepEqual([workload.podName, workload.podNamespace], ['', '']);
    }),
    { numRuns: 3000 },
  );
  assert.ok(told.size > 1);
});

test('what a user or a container calls a group is never told as a container that the host has', () => {
  const hosts = ['docker', 'containerd', 'podman', 'cri-o'].map((tree) => new FixtureHost(tree));
  const above = fc.constantFrom(
    '/user.slice/user-1000.slice/user@1000.service',
    '/user.slice/user-1000.slice/session-1.scope',
    '/system.slice/evil.service',
    `/docker/${'ab'.repeat(32)}`,
    '/lxc.payload.evil',
  );
  fc.assert(
    fc.property(above, path, (above, path) => {
      for (const host of hosts) {
        const workload: Workload | null = host.workload(above + path);
        if (workload?.kind !== 'container') continue;
        assert.notEqual(workload.id, ID);
        assert.notEqual(workload.podUid, UID);
      }
    }),
    { numRuns: 1000 },
  );
});
