// Which device a file with a node of its own is on: by name, address and number. Source of the rule that
// numbers only fall: tap_get_minor of drivers/net/tap.c.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Attachment } from '../../src/inspect/attachment.js';
import { place } from '../../src/inspect/place.js';
import type { TapNodes } from '../../src/inspect/tap-nodes.js';
import { ADDRESS, attachment, byInode, deviceLink, netnsLinks, OTHER_ADDRESS } from './samples.js';

const macvtap = (ifindex: number, hardwareAddress = ADDRESS) =>
  deviceLink(ifindex, { driver: 'macvtap', hardwareAddress });

/** A file of a macvtap called `tap0`. */
function file(nodeMinor: number, hardwareAddress = ADDRESS): Attachment {
  const untold = { deviceNetns: null, openedNetns: null };
  return attachment({ driver: 'macvtap', nodeMinor, hardwareAddress, ...untold });
}

/** Nodes of macvtaps called `tap0`: minor number and ifindex. */
function nodes(...numbers: [minor: number, ifindex: number][]): TapNodes {
  const named = numbers.map(([minor, ifindex]) => ({ minor, ifindex, name: 'tap0' }));
  return new Map([['macvtap', new Map([['tap0', named]])]]);
}

function placed(
  found: Attachment,
  tapNodes: TapNodes,
  ...namespaces: ReturnType<typeof netnsLinks>[]
) {
  const { devices, unplaced, unlisted } = place([found], byInode(...namespaces), tapNodes);
  const keys = (list: 'proven' | 'nameOnly') =>
    devices.filter((device) => device[list].length > 0).map(({ key }) => key);
  return {
    proven: keys('proven'),
    nameOnly: keys('nameOnly'),
    unlisted: unlisted.get(found) ?? 0,
    unplaced: unplaced.length,
  };
}

const NOWHERE = { proven: [], nameOnly: [], unlisted: 0, unplaced: 0 };

test('the one device of its name is the one, whatever number it has by now', () => {
  for (const minor of [1, 4]) {
    assert.deepEqual(placed(file(4), nodes([minor, 7]), netnsLinks(1, [macvtap(7)])), {
      ...NOWHERE,
      proven: ['c1/7'],
    });
  }
});

test('what is proven has the namespace of its device', () => {
  const { devices } = place([file(1)], byInode(netnsLinks(5, [macvtap(7)])), nodes([1, 7]));
  assert.equal(devices[0]?.proven[0]?.deviceNetns, 5);
});

test('of several devices of its name, all listed, the one that has its address is the one', () => {
  const namespaces = [netnsLinks(1, [macvtap(7)]), netnsLinks(2, [macvtap(7, OTHER_ADDRESS)])];
  assert.deepEqual(placed(file(2), nodes([1, 7], [2, 7]), ...namespaces), {
    ...NOWHERE,
    proven: ['c1/7'],
  });
});

test('a device whose number is above that of the file never had that number', () => {
  const namespaces = [netnsLinks(1, [macvtap(7)]), netnsLinks(2, [macvtap(8)])];
  assert.deepEqual(placed(file(1), nodes([1, 7], [2, 8]), ...namespaces), {
    ...NOWHERE,
    proven: ['c1/7'],
  });
});

test('that a device has the number of the file by now does not make the file its', () => {
  const namespaces = [netnsLinks(1, [macvtap(7)]), netnsLinks(2, [macvtap(8)])];
  assert.deepEqual(placed(file(2), nodes([1, 7], [2, 8]), ...namespaces), {
    ...NOWHERE,
    nameOnly: ['c1/7', 'c2/8'],
  });
});

test('devices of one name, address and index cannot be told apart while one number would do', () => {
  const namespaces = [netnsLinks(1, [macvtap(7)]), netnsLinks(2, [macvtap(7)])];
  assert.deepEqual(placed(file(1), nodes([1, 7], [2, 7]), ...namespaces), {
    ...NOWHERE,
    nameOnly: ['c1/7', 'c2/7'],
  });
});

test('a device that could not be listed may be the one, unless its number is too high', () => {
  const listed = netnsLinks(1, [macvtap(7)]);
  const unsure = { ...NOWHERE, nameOnly: ['c1/7'], unlisted: 1 };
  assert.deepEqual(placed(file(2), nodes([1, 9], [2, 7]), listed), unsure);
  assert.deepEqual(placed(file(2), nodes([2, 9], [1, 7]), listed), unsure);
  // Two of one index, of which one is listed: which one has the higher number is not known.
  assert.deepEqual(placed(file(2), nodes([1, 7], [5, 7]), listed), unsure);
  assert.deepEqual(placed(file(1), nodes([1, 7], [2, 9]), listed), {
    ...NOWHERE,
    proven: ['c1/7'],
  });
});

test('a file of a device that could not be listed is told of none', () => {
  const listed = netnsLinks(1, [macvtap(7, OTHER_ADDRESS)]);
  assert.deepEqual(placed(file(1), nodes([1, 9], [2, 7]), listed), { ...NOWHERE, unlisted: 1 });
});

test('a listed device that has no node any more, or none yet, is a reason to look again', () => {
  const again = { ...NOWHERE, unplaced: 1 };
  const [one, two] = [netnsLinks(1, [macvtap(7)]), netnsLinks(2, [macvtap(7)])];
  assert.deepEqual(placed(file(1), nodes(), one), again);
  assert.deepEqual(placed(file(1), nodes([1, 8]), one), again);
  assert.deepEqual(placed(file(1), nodes([1, 7]), one, two), again);
});

test('so is a file that no device fits at all', () => {
  const again = { ...NOWHERE, unplaced: 1 };
  assert.deepEqual(placed(file(1), nodes()), again);
  assert.deepEqual(placed(file(1), nodes([2, 7]), netnsLinks(1, [macvtap(7)])), again);
  const other = netnsLinks(1, [macvtap(7, OTHER_ADDRESS)]);
  assert.deepEqual(placed(file(1), nodes([1, 7]), other), again);
});

test('where the nodes could not be read, even one device that fits is not proven', () => {
  assert.deepEqual(placed(file(1), new Map(), netnsLinks(1, [macvtap(7)])), {
    ...NOWHERE,
    nameOnly: ['c1/7'],
  });
});

test('a TAP device of the name is no device of another driver', () => {
  const namespaces = [netnsLinks(1, [deviceLink(7)]), netnsLinks(2, [macvtap(8)])];
  assert.deepEqual(placed(file(1), nodes([1, 8]), ...namespaces), {
    ...NOWHERE,
    proven: ['c2/8'],
  });
});
