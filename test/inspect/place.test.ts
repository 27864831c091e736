import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Attachment } from '../../src/inspect/attachment.js';
import type { KernelAttachment } from '../../src/kernel/bpf-iterators.js';
import { place } from '../../src/inspect/place.js';
import { ADDRESS, attachment, byInode, deviceLink, netnsLinks, OTHER_ADDRESS } from './samples.js';

const UNKNOWN_NETNS = { deviceNetns: null, openedNetns: null };

/** Key of each device, and the numbers of the descriptors that it got. */
function placed(
  attachments: readonly Attachment[],
  ...namespaces: ReturnType<typeof netnsLinks>[]
) {
  const { devices, unplaced } = place(attachments, byInode(...namespaces));
  const fds = (list: readonly Attachment[]) => list.map(({ fd }) => fd);
  return {
    devices: devices.map(({ key, proven, nameOnly }) => [key, fds(proven), fds(nameOnly)]),
    unplaced: fds(unplaced),
  };
}

test('a descriptor belongs to the device of its name in the namespace that the file tells', () => {
  const namespaces = [1, 2, 3].map((inode) => netnsLinks(inode, [deviceLink(7)]));
  const attachments = [2, 3, 1].map((deviceNetns, i) => attachment({ fd: 10 + i, deviceNetns }));
  assert.deepEqual(placed(attachments, ...namespaces), {
    devices: [
      ['c1/7', [12], []],
      ['c2/7', [10], []],
      ['c3/7', [11], []],
    ],
    unplaced: [],
  });
});

test('where the kernel has no cookies, the inode names the namespace of a device', () => {
  const { devices } = placed([], netnsLinks(4026531840, [deviceLink(3)], null));
  assert.deepEqual(devices, [['4026531840/3', [], []]]);
});

test('a device that its namespace did not list leaves its descriptors unplaced', () => {
  const { devices, unplaced } = placed(
    [attachment({ name: 'gone' })],
    netnsLinks(1, [deviceLink(2)]),
  );
  assert.deepEqual(devices, [['c1/2', [], []]]);
  assert.deepEqual(unplaced, [3]);
});

test('a descriptor on a device of a namespace that could not be listed is left out', () => {
  assert.deepEqual(placed([attachment({ deviceNetns: 9 })], netnsLinks(1, [deviceLink(2)])), {
    devices: [['c1/2', [], []]],
    unplaced: [],
  });
});

test('a name alone makes a descriptor a candidate for each device of that name', () => {
  const namespaces = [
    netnsLinks(1, [deviceLink(2), deviceLink(3, { name: 'tap1' })]),
    netnsLinks(2, [deviceLink(2)]),
  ];
  assert.deepEqual(placed([attachment({ ...UNKNOWN_NETNS, tap: null })], ...namespaces), {
    devices: [
      ['c1/2', [], [3]],
      ['c1/3', [], []],
      ['c2/2', [], [3]],
    ],
    unplaced: [],
  });
});

test('a descriptor of a TAP device is no candidate for a TUN device of the same name', () => {
  const namespaces = [
    netnsLinks(1, [deviceLink(2, { tap: false, hardwareAddress: '' })]),
    netnsLinks(2, [deviceLink(2)]),
  ];
  assert.deepEqual(
    placed(
      [
        attachment({ ...UNKNOWN_NETNS, fd: 3, tap: true }),
        attachment({ ...UNKNOWN_NETNS, fd: 4, tap: false }),
      ],
      ...namespaces,
    ).devices,
    [
      ['c1/2', [], [4]],
      ['c2/2', [], [3]],
    ],
  );
});

test('drivers do not mix: a macvtap descriptor is no candidate for a TAP device of its name', () => {
  const namespaces = (['tun', 'macvtap', 'ipvtap'] as const).map((driver, i) =>
    netnsLinks(1 + i, [deviceLink(2, { driver })]),
  );
  const descriptor = attachment({ ...UNKNOWN_NETNS, driver: 'macvtap' });
  assert.deepEqual(placed([descriptor], ...namespaces).devices, [
    ['c1/2', [], []],
    ['c2/2', [], [3]],
    ['c3/2', [], []],
  ]);
});

test('the hardware address tells candidates of one name apart', () => {
  const namespaces = [ADDRESS, OTHER_ADDRESS].map((hardwareAddress, i) =>
    netnsLinks(1 + i, [deviceLink(2, { driver: 'macvtap', hardwareAddress })]),
  );
  const descriptor = attachment({
    ...UNKNOWN_NETNS,
    driver: 'macvtap',
    hardwareAddress: OTHER_ADDRESS,
  });
  assert.deepEqual(placed([descriptor], ...namespaces).devices, [
    ['c1/2', [], []],
    ['c2/2', [], [3]],
  ]);
});

test('a device of the right name and namespace but another address or layer was made anew meanwhile', () => {
  const anew = netnsLinks(1, [deviceLink(8)]);
  for (const other of [{ hardwareAddress: OTHER_ADDRESS }, { tap: false }]) {
    assert.deepEqual(placed([attachment(other)], anew), {
      devices: [['c1/8', [], []]],
      unplaced: [3],
    });
  }
});

/** A file of which only the kernel's structures tell: on device 2 of namespace 1, unless it says otherwise. */
function seen(of: Partial<KernelAttachment> = {}): Attachment {
  const told: KernelAttachment = {
    netns: 1,
    netnsCookie: 'c1',
    ifindex: 2,
    name: 'tap0',
    tap: true,
    detached: false,
    openedNetns: 1,
    ...of,
  };
  const sight = { file: 1n, startTime: 1000, attachment: told };
  return attachment({ name: told.name, tap: told.tap, deviceNetns: null, sight });
}

test('what the kernel’s structures tell of a file proves its device', () => {
  const namespaces = [1, 2].map((inode) => netnsLinks(inode, [deviceLink(2), deviceLink(3)]));
  const { devices, unplaced } = place([seen()], byInode(...namespaces));
  assert.deepEqual(
    devices.flatMap(({ key, proven }) =>
      proven.map(({ deviceNetns, evidence }) => [key, deviceNetns, evidence]),
    ),
    [['c1/2', 1, 'BPF']],
  );
  assert.deepEqual([devices.flatMap(({ nameOnly }) => nameOnly), unplaced], [[], []]);
});

for (const [what, told] of [
  ['another index', { ifindex: 9 }],
  ['another name', { name: 'tap9' }],
  ['another namespace of that inode', { netnsCookie: 'c9' }],
  ['another kind', { tap: false }],
] as const) {
  test(`what they tell of ${what} than is listed leaves the file unplaced`, () => {
    const { devices, unplaced } = placed([seen(told)], netnsLinks(1, [deviceLink(2)]));
    assert.deepEqual(devices, [['c1/2', [], []]]);
    assert.deepEqual(unplaced, [3]);
  });
}

test('what they tell of a namespace that could not be listed makes it no candidate here', () => {
  assert.deepEqual(placed([seen({ netns: 9 })], netnsLinks(1, [deviceLink(2)])), {
    devices: [['c1/2', [], []]],
    unplaced: [],
  });
});
