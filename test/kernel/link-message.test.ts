import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { parseLinkMessages } from '../../src/kernel/link-message.js';
import * as nl from './netlink.js';

const UP = 0x1;
// Attribute numbers of include/uapi/linux/if_link.h and if_tun.h.
const [ADDRESS, NAME, MTU, MASTER, LINKINFO, ALIAS, STATS64] = [1, 3, 4, 10, 18, 20, 23];
const [KIND, DATA] = [1, 2];

const tunData = nl.nested(
  DATA,
  nl.attribute(1, nl.u32(1000)),
  nl.attribute(2, nl.u32(0xffff_fffe)),
  nl.attribute(3, nl.u8(2)),
  nl.attribute(4, nl.u8(0)),
  nl.attribute(5, nl.u8(1)),
  nl.attribute(6, nl.u8(1)),
  nl.attribute(7, nl.u8(1)),
  nl.attribute(8, nl.u32(3)),
  nl.attribute(9, nl.u32(1)),
);

const multiQueueTap = nl.message(
  { type: nl.NEWLINK },
  nl.link(
    7,
    UP,
    nl.attribute(NAME, nl.text('tap0')),
    nl.attribute(MTU, nl.u32(9000)),
    nl.attribute(ADDRESS, Buffer.from('0200000000a7', 'hex')),
    nl.attribute(MASTER, nl.u32(3)),
    nl.attribute(ALIAS, Buffer.from('the öffice', 'utf8')),
    nl.attribute(
      STATS64,
      nl.u64(1n, 2n, 2n ** 33n, 4n, 5n, 6n, 7n, 8n, ...Array<bigint>(17).fill(99n)),
    ),
    nl.nested(LINKINFO, nl.attribute(KIND, nl.text('tun')), tunData),
  ),
);

const bareTun = nl.message(
  { type: nl.NEWLINK },
  nl.link(
    8,
    0,
    nl.attribute(NAME, nl.text('tun1')),
    nl.nested(
      LINKINFO,
      nl.attribute(KIND, nl.text('tun')),
      nl.nested(DATA, nl.attribute(3, nl.u8(1)), nl.attribute(4, nl.u8(1))),
    ),
  ),
);

const done = nl.message({ type: nl.DONE }, nl.u32(0));

test('a multi-queue tap with every attribute is told in full', () => {
  const { links, ...state } = parseLinkMessages(multiQueueTap);
  assert.deepEqual(state, { done: false, interrupted: false, error: null });
  assert.deepEqual(links, [
    {
      ifindex: 7,
      name: 'tap0',
      kind: 'tun',
      up: true,
      mtu: 9000,
      hardwareAddress: '02:00:00:00:00:a7',
      master: 3,
      alias: 'the öffice',
      statistics: {
        rxPackets: 1,
        txPackets: 2,
        rxBytes: 2 ** 33,
        txBytes: 4,
        rxErrors: 5,
        txErrors: 6,
        rxDropped: 7,
        txDropped: 8,
      },
      tun: {
        tap: true,
        packetInfo: false,
        vnetHdr: true,
        persistent: true,
        multiQueue: true,
        owner: 1000,
        group: 0xffff_fffe,
        queues: 3,
        disabledQueues: 1,
      },
    },
  ]);
});

test('what a message does not say is unset: address, master, owner, count of queues', () => {
  const [link] = parseLinkMessages(bareTun).links;
  assert.equal(link?.hardwareAddress, '');
  assert.equal(link.up, false);
  assert.equal(link.master, null);
  assert.equal(link.alias, '');
  assert.equal(link.statistics, null);
  assert.deepEqual(link.tun, {
    tap: false,
    packetInfo: true,
    vnetHdr: false,
    persistent: false,
    multiQueue: false,
    owner: null,
    group: null,
    queues: null,
    disabledQueues: null,
  });
});

test('several messages of one datagram are all read, and the end of the dump is told', () => {
  const { links, done: ended } = parseLinkMessages(Buffer.concat([multiQueueTap, bareTun, done]));
  assert.deepEqual(
    links.map(({ name }) => name),
    ['tap0', 'tun1'],
  );
  assert.equal(ended, true);
});

test('data of another kind of link is not taken for that of a tun', () => {
  const info = nl.nested(LINKINFO, nl.attribute(KIND, nl.text('bridge')), tunData);
  const bridge = nl.message({ type: nl.NEWLINK }, nl.link(1, 0, info));
  assert.equal(parseLinkMessages(bridge).links[0]?.tun, null);
});

test('a dump that was interrupted by a change says so, wherever the flag stands', () => {
  const flagged = nl.message({ type: nl.DONE, flags: nl.DUMP_INTR }, nl.u32(0));
  assert.equal(parseLinkMessages(Buffer.concat([bareTun, flagged])).interrupted, true);
  assert.equal(parseLinkMessages(Buffer.concat([bareTun, done])).interrupted, false);
});

test('an error message ends the dump and has the name of its errno', () => {
  const refused = nl.message({ type: nl.ERROR }, Buffer.concat([nl.u32(-1), Buffer.alloc(16)]));
  assert.deepEqual(parseLinkMessages(refused), {
    links: [],
    done: true,
    interrupted: false,
    error: 'EPERM',
  });
});

test('an acknowledgement is an error message without an error', () => {
  const ack = nl.message({ type: nl.ERROR }, Buffer.concat([nl.u32(0), Buffer.alloc(16)]));
  assert.equal(parseLinkMessages(ack).error, null);
  assert.equal(parseLinkMessages(ack).done, true);
});

test('a dump that ends because it failed is not taken for a whole one', () => {
  // netlink_dump of net/netlink/af_netlink.c puts the errno of the dump into NLMSG_DONE.
  const failed = nl.message({ type: nl.DONE }, nl.u32(-12));
  assert.equal(parseLinkMessages(Buffer.concat([bareTun, failed])).error, 'ENOMEM');
});

test('bytes of a name that are no UTF-8 are kept, so that no two names become one', () => {
  const named = (name: string) =>
    parseLinkMessages(
      nl.message({ type: nl.NEWLINK }, nl.link(1, 0, nl.attribute(NAME, nl.text(name)))),
    ).links[0]?.name;
  assert.notEqual(named('tap\xfe'), named('tap\xff'));
});

test('counters are told up to 64 bits, not exactly beyond 53, and are never more than 64', () => {
  const counters = [0n, 2n ** 53n, 2n ** 60n + 1n, 2n ** 64n - 1n, 0n, 0n, 0n, 0n];
  const bytes = nl.message(
    { type: nl.NEWLINK },
    nl.link(1, 0, nl.attribute(STATS64, nl.u64(...counters))),
  );
  const { rxPackets, txPackets, rxBytes, txBytes } = parseLinkMessages(bytes).links[0]!.statistics!;
  assert.deepEqual([rxPackets, txPackets, rxBytes], [0, 2 ** 53, 2 ** 60]);
  assert.ok(txBytes > 2 ** 63 && BigInt(txBytes) < 2n ** 64n);
});

test('attributes shorter than their type are passed over', () => {
  const short = nl.message(
    { type: nl.NEWLINK },
    nl.link(
      5,
      0,
      nl.attribute(MTU, nl.u8(1)),
      nl.attribute(MASTER, Buffer.alloc(0)),
      nl.attribute(STATS64, nl.u64(1n)),
      nl.attribute(NAME, Buffer.from('unended')),
    ),
  );
  const [link] = parseLinkMessages(short).links;
  assert.deepEqual(
    [link?.mtu, link?.master, link?.statistics, link?.name],
    [0, null, null, 'unended'],
  );
});

test('a datagram cut off at any byte gives the whole messages before the cut, and no others', () => {
  const whole = Buffer.concat([multiQueueTap, bareTun, done]);
  for (let length = 0; length < whole.length; length++) {
    const { links, done: ended } = parseLinkMessages(whole.subarray(0, length));
    const complete =
      length < multiQueueTap.length ? 0 : length < multiQueueTap.length + bareTun.length ? 1 : 2;
    assert.equal(links.length, complete, `cut at ${length}`);
    assert.equal(ended, false);
  }
});

test('no bytes make the parser throw or read past the message', () => {
  const whole = Buffer.concat([multiQueueTap, bareTun, done]);
  const damage = fc.array(fc.record({ at: fc.nat(whole.length - 1), byte: fc.nat(255) }), {
    minLength: 1,
    maxLength: 8,
  });
  fc.assert(
    fc.property(damage, (changes) => {
      const bytes = Buffer.from(whole);
      for (const { at, byte } of changes) bytes[at] = byte;
      const { links } = parseLinkMessages(bytes);
      assert.ok(links.length <= whole.length / 32);
    }),
  );
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 512 }), (bytes) => {
      parseLinkMessages(Buffer.from(bytes));
    }),
  );
});
