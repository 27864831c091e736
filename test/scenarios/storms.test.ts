// Much at once: what triggers tell is looked at in ever larger parts, or whole, and nothing is missed in the
// end. Scans that nothing asks for are so rare that none comes while a test waits.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { TapBinding } from '../../src/gen/tapmap/v1/tap_binding.js';
import { missing } from '../stage/ability.js';
import type { Holder } from '../stage/holder.js';
import type { Netns } from '../stage/netns.js';
import { setStage } from '../stage/stage.js';
import { IFF_NO_PI, IFF_TAP } from '../stage/tun.js';
import { until } from '../stage/until.js';
import { missingTriggers, Tapmap } from './tapmap.js';

const skip = missingTriggers() || missing('command:unshare');
const tapmap = Tapmap.ofFile(skip, { flags: ['--scan-budget', '0.0001'] });

function told(where: (binding: TapBinding) => boolean): TapBinding[] {
  return tapmap.replay.bindings().filter(where);
}

const isIn =
  ({ inode }: Netns) =>
  ({ device }: TapBinding) =>
    device?.netns?.inode === BigInt(inode);

const isHeldBy =
  ({ pid }: Holder) =>
  ({ holders }: TapBinding) =>
    holders.some(({ process }) => process?.pid === pid);

test('three hundred devices that are made in a burst, renamed and deleted', { skip }, async (t) => {
  const stage = setStage(t);
  const netns = stage.netns();
  /** `&` is each number. */
  const batch = (line: string) =>
    netns.run('sh', '-c', `seq 1 300 | sed 's/.*/${line}/' | ip -batch -`);
  batch('tuntap add dev a& mode tap');
  await until('the watch tells all', () => told(isIn(netns)).length === 300, 30_000);
  batch('link set a& name b&');
  const names = () => new Set(told(isIn(netns)).map(({ device }) => device!.name));
  await until('the watch tells the names', () =>
    [...names()].every((name) => name.startsWith('b')),
  );
  assert.equal(names().size, 300);
  batch('link del b&');
  await until('the watch tells that all are gone', () => told(isIn(netns)).length === 0, 30_000);
});

test('thousands of short-lived processes beside one that attaches', { skip }, async (t) => {
  const stage = setStage(t);
  const name = stage.unheldDevice();
  const agent = await stage.agent();
  const bomb = stage.holder([], {
    under: [
      'sh',
      '-c',
      'i=0; while [ $i -lt 3000 ]; do i=$((i+1)); /bin/true & done; wait; exec "$@"',
      'bomb',
    ],
  });
  const fd = await agent.open();
  await agent.attach(fd, name, IFF_TAP | IFF_NO_PI);
  await until('the watch tells the holder', () => told(isHeldBy(agent)).length === 1);
  const child = await agent.spawn([fd]);
  await until('the watch tells the child', () =>
    told(isHeldBy(agent)).some(({ holders }) => holders.length === 2),
  );
  assert.ok(child > 0);
  await agent.kill();
  await until('the watch tells that one is left', () => told(isHeldBy(agent)).length === 0);
  await (await bomb).kill();
});

test(
  'fifty containers that start at once, each with a node, a namespace and a device',
  { skip },
  async (t) => {
    const stage = setStage(t);
    const name = stage.deviceName();
    const start =
      'mount -t tmpfs tmpfs /dev/net && mknod -m 600 /dev/net/tun c 10 200 && ' +
      `ip tuntap add dev ${name} mode tap && exec "$@"`;
    const containers = await Promise.all(
      Array.from({ length: 50 }, () =>
        stage.holder([], {
          under: ['unshare', '--mount', '--net', 'sh', '-c', start, 'container'],
        }),
      ),
    );
    const isOurs = ({ device }: TapBinding) => device?.name === name;
    await until('the watch tells all', () => told(isOurs).length === 50, 30_000);
    const inodes = new Set(told(isOurs).map(({ device }) => device?.netns?.inode));
    assert.equal(inodes.size, 50);
    await Promise.all(containers.map((container) => container.kill()));
    await until('the watch tells that all are gone', () => told(isOurs).length === 0, 30_000);
  },
);
