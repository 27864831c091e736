// Network namespaces that there is only one way into, on the real kernel.
import assert from 'node:assert/strict';
import { mkdtempSync, openSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { linux, type Linux } from '../../src/inspect/linux.js';
import { KernelError } from '../../src/kernel/kernel-error.js';
import type { Binding } from '../../src/model/binding.js';
import { missing } from '../stage/ability.js';
import type { Holder } from '../stage/holder.js';
import { Netns, removeNetns } from '../stage/netns.js';
import { setStage, type Stage } from '../stage/stage.js';
import { openQueue } from '../stage/tun.js';
import { called, holderPids, inspectorOn, scanned } from './inspecting.js';

const skip = missing('root', 'tun', 'netns');

async function devicesIn(inode: number): Promise<Binding[]> {
  const { bindings } = await scanned(inspectorOn());
  return bindings.filter(({ device }) => device.netns.inode === inode);
}

function unnamed(netns: Netns): void {
  removeNetns(netns.path.replace(/^.*\//, ''));
}

test('the namespace of a thread, in which its process is not, is listed', { skip }, async (t) => {
  const stage = setStage(t);
  const agent = await stage.agent();
  const tid = await agent.threadInNewNetns();
  const netns = new Netns(`/proc/${agent.pid}/task/${tid}/ns/net`);
  assert.notEqual(netns.inode, stage.home.inode);
  const device = stage.unheldDevice();
  stage.home.ip('link', 'set', device, 'netns', netns.path);
  const [binding, ...more] = await devicesIn(netns.inode);
  assert.deepEqual(more, []);
  assert.equal(binding?.device.name, device);
  assert.equal(binding.verdict, 'UNHELD');
  assert.deepEqual(binding.device.netns.paths, []);
});

test('a namespace that is only open as a file of some process is listed', { skip }, async (t) => {
  const stage = setStage(t);
  const netns = stage.netns();
  const device = stage.unheldDevice(netns);
  await stage.holder([stage.own(openSync(netns.path, 'r'))]);
  unnamed(netns);
  const [binding, ...more] = await devicesIn(netns.inode);
  assert.deepEqual(more, []);
  assert.equal(binding?.device.name, device);
  assert.equal(binding.verdict, 'UNHELD');
  assert.deepEqual([binding.device.netns.pid, binding.device.netns.paths], [null, []]);
});

test(
  'namespaces of other types that are open as files are no network namespaces',
  { skip },
  async (t) => {
    const stage = setStage(t);
    const paths = ['mnt', 'uts', 'pid'].map((type) => `/proc/self/ns/${type}`);
    const inodes = paths.map((path) => statSync(path).ino);
    await stage.holder(paths.map((path) => stage.own(openSync(path, 'r'))));
    const { coverage } = await scanned(inspectorOn());
    // One that is entered all the same would refuse.
    assert.deepEqual(
      coverage.deniedNetns.filter(({ inode }) => inodes.includes(inode)),
      [],
    );
  },
);

test(
  'a namespace that only a tun file keeps is listed, with all its devices',
  { skip },
  async (t) => {
    const stage = setStage(t);
    const netns = stage.netns();
    const unheld = stage.unheldDevice(netns);
    const held = stage.deviceName();
    const holder = await stage.holder([stage.own(netns.within(() => openQueue(held)))]);
    unnamed(netns);
    const bindings = await devicesIn(netns.inode);
    assert.deepEqual(
      bindings.map((binding) => [binding.device.name, binding.verdict, holderPids(binding)]).sort(),
      [
        [held, 'HELD', [holder.pid]],
        [unheld, 'UNHELD', []],
      ].sort(),
    );
    for (const { device } of bindings) {
      assert.deepEqual([device.netns.pid, device.netns.paths], [null, []]);
    }
  },
);

test(
  'a namespace that only the file of a device that was moved away keeps is listed',
  { skip },
  async (t) => {
    const stage = setStage(t);
    const netns = stage.netns();
    const unheld = stage.unheldDevice(netns);
    const moved = stage.deviceName();
    const queue = stage.own(netns.within(() => openQueue(moved)));
    netns.ip('link', 'set', moved, 'netns', String(process.pid));
    await stage.holder([queue]);
    unnamed(netns);
    assert.deepEqual(
      (await devicesIn(netns.inode)).map(({ device }) => device.name),
      [unheld],
    );
  },
);

/** Two processes of one mount namespace, which alone has a path to a network namespace. */
async function mountedElsewhere(stage: Stage) {
  const path = mkdtempSync(join(tmpdir(), 'tapmap-mounted-'));
  stage.atEnd(() => {
    rmSync(path, { recursive: true });
  });
  const device = stage.deviceName();
  const script = `mount -t tmpfs none "$0" && touch "$0/ns" &&
    unshare -n sh -c 'ip tuntap add "$1" mode tap && mount --bind /proc/self/ns/net "$0/ns"' "$0" "$1" &&
    shift && exec "$@"`;
  const first = await stage.holder([], {
    under: ['unshare', '-m', 'sh', '-c', script, path, device],
  });
  const under = ['nsenter', `--mount=/proc/${first.pid}/ns/mnt`, '--'];
  const second = await stage.holder([], { under });
  // The lower pid is seen first.
  const [one, other] = [first, second].sort((a, b) => a.pid - b.pid);
  return { device, mount: join(path, 'ns'), first: one!, second: other! };
}

function killNow({ pid }: Holder): void {
  process.kill(pid, 'SIGKILL');
  while (isThere(`/proc/${pid}/ns/mnt`));
}

function isThere(path: string): boolean {
  try {
    statSync(path);
    return true;
  } catch {
    return false;
  }
}

for (const moment of ['mounts are read', 'namespace is entered'] as const) {
  test(
    `a namespace that is mounted elsewhere is listed though the process that shows the mount ends when the ${moment}`,
    { skip },
    async (t) => {
      const stage = setStage(t);
      const { device, mount, first } = await mountedElsewhere(stage);
      let ended = 0;
      const endBefore = (now: typeof moment, path: string | null) => {
        if (moment !== now || path?.startsWith(`/proc/${first.pid}/`) !== true) return;
        if (ended++ === 0) killNow(first);
      };
      const kernel: Linux = {
        ...linux,
        readNetnsMounts: (directory) => {
          endBefore('mounts are read', `${directory}/`);
          return linux.readNetnsMounts(directory);
        },
        openNetns: (file, inode, nsfs) => {
          endBefore('namespace is entered', file.root);
          return linux.openNetns(file, inode, nsfs);
        },
      };
      const [binding, ...more] = called(await inspectorOn(kernel).scan(), device);
      assert.ok(ended > 0);
      assert.deepEqual(more, []);
      assert.deepEqual(binding?.device.netns.paths, [mount]);
    },
  );
}

test(
  'a namespace that only a thread with a table of its own has open is listed',
  { skip },
  async (t) => {
    const stage = setStage(t);
    const netns = stage.netns();
    const device = stage.unheldDevice(netns);
    const agent = await stage.agent([stage.own(openSync(netns.path, 'r'))]);
    await agent.threadWithOwnTable();
    await agent.close(3);
    unnamed(netns);
    assert.deepEqual(
      (await devicesIn(netns.inode)).map((binding) => binding.device.name),
      [device],
    );
  },
);

test('a namespace whose links cannot be read at first is asked once more', { skip }, async (t) => {
  const stage = setStage(t);
  const device = stage.unheldDevice(stage.netns());
  let failures = 0;
  const failing = (times: number): Linux => ({
    ...linux,
    dumpLinks: (route, kind) => {
      const links = linux.dumpLinks(route, kind);
      if (links.some(({ name }) => name === device) && failures++ < times) {
        throw new KernelError('recv', 'ENOBUFS');
      }
      return links;
    },
  });
  assert.equal(called(await scanned(inspectorOn(failing(1))), device).length, 1);
  assert.ok(failures >= 2);
  const { coverage, ...scan } = await scanned(inspectorOn(failing(Infinity)));
  assert.deepEqual(called({ coverage, ...scan }, device), []);
  assert.ok(coverage.deniedNetns.some(({ errno }) => errno === 'ENOBUFS'));
});
