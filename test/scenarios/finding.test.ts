// Scenarios 15 and 16: nodes at other paths, and files that are attached to nothing.
import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { Verdict } from '../../src/gen/tapmap/v1/tap_binding.js';
import { missing } from '../stage/ability.js';
import { run } from '../stage/command.js';
import { setStage, type Stage } from '../stage/stage.js';
import { IFF_NO_PI, IFF_TAP, openQueue, openTun } from '../stage/tun.js';
import { Tapmap } from './tapmap.js';

const TAP = IFF_TAP | IFF_NO_PI;
const skip = missing('root', 'tun', 'netns');
const skipMknod = missing('initial-root', 'tun', 'netns', 'command:mknod');
const tapmap = Tapmap.ofFile(skip);

function directory(stage: Stage): string {
  const path = mkdtempSync(join(tmpdir(), 'tapmap-node-'));
  stage.atEnd(() => {
    rmSync(path, { recursive: true, force: true });
  });
  return path;
}

test(
  'scenario 15: a device held through a node at another path is found, also after the node is deleted',
  { skip: skipMknod },
  async (t) => {
    const stage = setStage(t);
    const node = join(directory(stage), 'a node with another name');
    run('mknod', node, 'c', '10', '200');
    const name = stage.deviceName();
    const holder = await stage.holder([stage.own(openQueue(name, TAP, node))]);
    for (const step of ['node there', 'node deleted']) {
      const { verdict, holders } = await tapmap.binding(name, stage.home);
      assert.equal(verdict, Verdict.VERDICT_HELD, step);
      assert.deepEqual(
        holders.map(({ process }) => process?.pid),
        [holder.pid],
        step,
      );
      rmSync(node, { force: true });
    }
  },
);

test(
  'scenario 15: a device held in a chroot with a /dev of its own is found',
  { skip: skipMknod },
  async (t) => {
    const stage = setStage(t);
    const root = directory(stage);
    // As a container engine does it: another root, and in it a /dev that has only what is needed.
    const script = `mount --rbind / "$0" && mount -t tmpfs none "$0/dev" && mkdir "$0/dev/net" &&
      mknod "$0/dev/net/tun" c 10 200 && exec chroot "$0" "$@"`;
    const agent = await stage.agent([], { under: ['unshare', '-m', 'sh', '-c', script, root] });
    const name = stage.deviceName();
    const fd = await agent.open('/dev/net/tun');
    await agent.attach(fd, name, TAP);
    const { verdict, holders } = await tapmap.binding(name, stage.home);
    assert.equal(verdict, Verdict.VERDICT_HELD);
    assert.deepEqual(
      holders.map(({ process, fds }) => [process?.pid, fds.map((found) => found.fd)]),
      [[agent.pid, [fd]]],
    );
  },
);

test(
  'scenario 15: a network namespace that is mounted only in another mount namespace is listed, by its path there',
  { skip: skipMknod },
  async (t) => {
    const stage = setStage(t);
    const path = join(directory(stage), 'hidden');
    mkdirSync(path);
    const name = stage.deviceName();
    // The namespace's only process ends: the mount, which we cannot see, keeps it.
    const script = `mount -t tmpfs none "$0" && touch "$0/ns" &&
      unshare -n sh -c 'ip tuntap add "$1" mode tap && mount --bind /proc/self/ns/net "$0/ns"' "$0" "$1" &&
      shift && exec "$@"`;
    await stage.holder([], { under: ['unshare', '-m', 'sh', '-c', script, path, name] });
    const { bindings } = await tapmap.agreed();
    const found = bindings.filter(({ device }) => device?.name === name);
    assert.equal(found.length, 1);
    assert.deepEqual(found[0]?.device?.netns?.paths, [join(path, 'ns')]);
    assert.equal(found[0].device.netns.pid, undefined);
    assert.equal(found[0].verdict, Verdict.VERDICT_UNHELD);
  },
);

test(
  'scenario 16: a file that was never attached is counted, and holds nothing',
  { skip },
  async (t) => {
    const stage = setStage(t);
    const holder = await stage.holder([stage.own(openTun())]);
    const { bindings, coverage } = await tapmap.agreed();
    assert.ok(coverage.unattachedFds >= 1);
    assert.ok(!bindings.some(({ holders }) => holders.some((h) => h.process?.pid === holder.pid)));
  },
);

test(
  'scenario 16: a file whose device was deleted under it is counted likewise',
  { skip },
  async (t) => {
    const stage = setStage(t);
    const name = stage.deviceName();
    const holder = await stage.holder([stage.queue(name)]);
    await tapmap.binding(name, stage.home);
    stage.home.ip('link', 'del', name);
    const { bindings, coverage } = await tapmap.agreed();
    assert.ok(coverage.unattachedFds >= 1);
    assert.ok(!bindings.some(({ device }) => device?.name === name));
    assert.ok(!bindings.some(({ holders }) => holders.some((h) => h.process?.pid === holder.pid)));
  },
);
