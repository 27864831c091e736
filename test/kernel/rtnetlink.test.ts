// Links as this kernel tells them, against what iproute2 says of them.
import assert from 'node:assert/strict';
import { closeSync, openSync } from 'node:fs';
import { test } from 'node:test';
import { isKernelError } from '../../src/kernel/kernel-error.js';
import type { Link } from '../../src/kernel/link-message.js';
import { inNetns, ownNetnsInode } from '../../src/kernel/netns.js';
import { dumpLinks, openRouteSocket, readLinkByIndex } from '../../src/kernel/rtnetlink.js';
import { combinedChannels, openEthtoolSocket } from '../../src/kernel/ethtool.js';
import { missing } from '../stage/ability.js';
import { attachedQueues } from '../stage/channels.js';
import type { Netns } from '../stage/netns.js';
import { setStage } from '../stage/stage.js';
import {
  IFF_MULTI_QUEUE,
  IFF_NO_PI,
  IFF_TAP,
  IFF_TUN,
  IFF_VNET_HDR,
  setGroup,
  setOwner,
  setPersist,
  setQueue,
} from '../stage/tun.js';

const skip = missing('root', 'tun', 'netns');
// Keeps the way back to the own namespace open, before any test looks for leaks.
ownNetnsInode();

/** Runs with a route socket that is in the namespace. */
function asking<T>(netns: Netns, ask: (route: number) => T): T {
  const fd = openSync(netns.path, 'r');
  try {
    const route = inNetns(fd, openRouteSocket);
    try {
      return ask(route);
    } finally {
      closeSync(route);
    }
  } finally {
    closeSync(fd);
  }
}

interface IpLink {
  readonly ifindex: number;
  readonly ifname: string;
  readonly flags: readonly string[];
  readonly mtu: number;
  readonly master?: string;
  readonly address?: string;
  readonly ifalias?: string;
  readonly linkinfo?: { readonly info_kind: string; readonly info_data?: Record<string, unknown> };
  readonly stats64: Record<'rx' | 'tx', Record<'packets' | 'bytes' | 'errors' | 'dropped', number>>;
}

/** The link as `ip -j -d -s link` has it, in our words. */
function inOurWords(link: IpLink, all: readonly IpLink[]): Omit<Link, 'tun'> {
  const { rx, tx } = link.stats64;
  return {
    ifindex: link.ifindex,
    name: link.ifname,
    kind: link.linkinfo?.info_kind ?? '',
    up: link.flags.includes('UP'),
    mtu: link.mtu,
    hardwareAddress: link.address ?? '',
    master: all.find(({ ifname }) => ifname === link.master)?.ifindex ?? null,
    alias: link.ifalias ?? '',
    statistics: {
      rxPackets: rx.packets,
      txPackets: tx.packets,
      rxBytes: rx.bytes,
      txBytes: tx.bytes,
      rxErrors: rx.errors,
      txErrors: tx.errors,
      rxDropped: rx.dropped,
      txDropped: tx.dropped,
    },
  };
}

// Owners need user ids that a user namespace of one user does not have.
const skipOwners = missing('initial-root', 'tun', 'netns');

test(
  'all tun links of a namespace are told as `ip -j -d -s link` tells them',
  { skip: skipOwners },
  (t) => {
    const stage = setStage(t);
    const netns = stage.netns();
    netns.within(() => {
      const tap = stage.queue('tap-all', IFF_TAP | IFF_NO_PI | IFF_VNET_HDR);
      setPersist(tap.fd, true);
      setOwner(tap.fd, 1234);
      setGroup(tap.fd, 4321);
      stage.queue('tun-plain', IFF_TUN);
      const flags = IFF_TAP | IFF_NO_PI | IFF_MULTI_QUEUE;
      const queues = Array.from({ length: 3 }, () => stage.queue('tap-queues', flags));
      setQueue(queues[0]!.fd, 'detach');
    });
    netns.ip('link', 'add', 'br0', 'type', 'bridge');
    netns.ip('link', 'set', 'tap-all', 'master', 'br0', 'mtu', '9000', 'alias', 'two words');
    netns.ip('link', 'set', 'tap-all', 'address', '02:00:00:00:00:07');

    const all = JSON.parse(netns.ip('-j', '-d', '-s', 'link')) as IpLink[];
    const links = asking(netns, (route) => dumpLinks(route, 'tun'));
    assert.equal(links.length, 3);
    for (const { tun, ...link } of links) {
      const told = all.find(({ ifindex }) => ifindex === link.ifindex)!;
      assert.deepEqual(link, inOurWords(told, all));
      const data = told.linkinfo!.info_data!;
      assert.deepEqual(
        {
          type: tun!.tap ? 'tap' : 'tun',
          pi: tun!.packetInfo,
          vnet_hdr: tun!.vnetHdr,
          multi_queue: tun!.multiQueue,
          ...(tun!.queues === null ? {} : { numqueues: tun!.queues }),
          ...(tun!.disabledQueues === null ? {} : { numdisabled: tun!.disabledQueues }),
          persist: tun!.persistent,
          ...(tun!.owner === null ? {} : { user: tun!.owner }),
          ...(tun!.group === null ? {} : { group: tun!.group }),
        },
        data,
      );
    }
  },
);

test(
  'links of other kinds are left out, also of a kind whose driver is not there',
  { skip },
  (t) => {
    const stage = setStage(t);
    const netns = stage.netns();
    stage.unheldDevice(netns);
    netns.ip('link', 'add', 'br0', 'type', 'bridge');
    asking(netns, (route) => {
      assert.deepEqual(
        dumpLinks(route, 'bridge').map(({ name }) => name),
        ['br0'],
      );
      assert.deepEqual(dumpLinks(route, 'no such kind'), []);
    });
  },
);

test('a dump of more links than one datagram holds is whole', { skip }, (t) => {
  const stage = setStage(t);
  const netns = stage.netns();
  const names = Array.from({ length: 60 }, (_, i) => `tap${i}`);
  netns.within(() => {
    for (const name of names) stage.queue(name);
  });
  const links = asking(netns, (route) => dumpLinks(route, 'tun'));
  assert.deepEqual(new Set(links.map(({ name }) => name)), new Set(names));
});

test('one link is read by its index, and none where there is none', { skip }, (t) => {
  const stage = setStage(t);
  const netns = stage.netns();
  const name = stage.unheldDevice(netns);
  asking(netns, (route) => {
    const [link] = dumpLinks(route, 'tun');
    assert.equal(link?.name, name);
    assert.deepEqual(readLinkByIndex(route, link.ifindex), link);
    assert.equal(readLinkByIndex(route, 12345), null);
  });
});

test('the kernel counts the queues of a device, by a name that may be no UTF-8', { skip }, (t) => {
  const stage = setStage(t);
  const netns = stage.netns();
  const names = ['tap-held', 'tap\xff', Buffer.from('täp').toString('latin1')];
  netns.within(() => {
    for (const name of names) stage.queue(name);
    const ethtool = openEthtoolSocket();
    try {
      const [first] = names;
      assert.equal(combinedChannels(ethtool, first!), attachedQueues(first!));
      for (const { name } of asking(netns, (route) => dumpLinks(route, 'tun'))) {
        assert.equal(combinedChannels(ethtool, name), 1, JSON.stringify(name));
      }
      assert.throws(
        () => combinedChannels(ethtool, 'none'),
        (error) => isKernelError(error, 'ENODEV'),
      );
    } finally {
      closeSync(ethtool);
    }
  });
});
