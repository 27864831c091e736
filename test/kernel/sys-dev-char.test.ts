import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import fc from 'fast-check';
import { isKernelError } from '../../src/kernel/kernel-error.js';
import { readCharacterMajors } from '../../src/kernel/proc-devices.js';
import { parseTapNode, readTapNodes } from '../../src/kernel/sys-dev-char.js';
import { addMacvtap, missingMacvtap } from '../stage/macvtap.js';
import { setStage } from '../stage/stage.js';

test('a link of /sys/dev/char tells name and index of the device', () => {
  const told = { name: 'macvtap0', ifindex: 12 };
  for (const target of [
    '../../devices/virtual/net/macvtap0/macvtap/tap12',
    '../../devices/virtual/net/macvtap0/tap12',
    '../../devices/pci0000:00/0000:00:03.0/net/macvtap0/macvtap/tap12',
  ]) {
    assert.deepEqual(parseTapNode(target), told);
  }
  assert.deepEqual(parseTapNode('../../devices/virtual/net/net/macvtap/tap1'), {
    name: 'net',
    ifindex: 1,
  });
});

test('any other link is none of a tap device', () => {
  for (const target of [
    '',
    '../../devices/virtual/misc/tun',
    '../../devices/virtual/net/macvtap0/macvtap/tap',
    '../../devices/virtual/net/macvtap0/macvtap/tap12/more',
    '../../devices/virtual/net/a/b/c/tap12',
  ]) {
    assert.equal(parseTapNode(target), null);
  }
  fc.assert(fc.property(fc.string({ unit: 'binary' }), (target) => void parseTapNode(target)));
});

/** A /sys whose /dev/char has these links. */
function sysWith(links: Record<string, string>): { root: string; remove: () => void } {
  const root = mkdtempSync(join(tmpdir(), 'tapmap-sys-'));
  mkdirSync(join(root, 'dev/char'), { recursive: true });
  for (const [number, target] of Object.entries(links)) {
    symlinkSync(Buffer.from(target, 'latin1'), join(root, 'dev/char', number));
  }
  return {
    root,
    remove: () => {
      rmSync(root, { recursive: true });
    },
  };
}

test('the nodes of one driver are told by number, and names are bytes', () => {
  const { root, remove } = sysWith({
    '246:10': '../../devices/virtual/net/tap\xfe/macvtap/tap9',
    '246:2': '../../devices/virtual/net/tap\xff/macvtap/tap9',
    '24:62': '../../devices/virtual/net/other/ipvtap/tap3',
    '10:200': '../../devices/virtual/misc/tun',
  });
  try {
    assert.deepEqual(readTapNodes(root, 246), [
      { minor: 2, name: 'tap\xff', ifindex: 9 },
      { minor: 10, name: 'tap\xfe', ifindex: 9 },
    ]);
    assert.deepEqual(readTapNodes(root, 247), []);
  } finally {
    remove();
  }
});

test('a node that is not understood makes the whole list worth nothing', () => {
  const { root, remove } = sysWith({
    '246:1': '../../devices/virtual/net/tap0/macvtap/tap9',
    '246:2': '../../devices/virtual/tap1',
  });
  try {
    assert.throws(
      () => readTapNodes(root, 246),
      (error) => isKernelError(error, 'EINVAL'),
    );
  } finally {
    remove();
  }
});

test('without sysfs there is no list', () => {
  assert.throws(
    () => readTapNodes('/nonexistent', 246),
    (error) => isKernelError(error, 'ENOENT'),
  );
});

const skip = missingMacvtap();

test(
  'sysfs lists the macvtaps of all namespaces; one that moves gets the lowest free number, never a higher one',
  { skip },
  (t) => {
    const stage = setStage(t);
    const major = readCharacterMajors('/proc').get('macvtap')!;
    const [below, one, two] = [stage.unheldDevice(), stage.netns(), stage.netns()];
    const [lower, name] = [stage.deviceName(), stage.deviceName()];
    const nodeOf = (device: string) =>
      readTapNodes('/sys', major).find((node) => node.name === device)!;
    addMacvtap(stage, below, lower);
    addMacvtap(stage, below, name);
    const made = nodeOf(name);
    assert.equal(made.ifindex, stage.home.ifindex(name));

    stage.home.move(name, one);
    const moved = nodeOf(name);
    assert.equal(moved.ifindex, one.ifindex(name));
    assert.ok(moved.minor <= made.minor);

    const freed = nodeOf(lower).minor;
    stage.home.ip('link', 'del', lower);
    one.move(name, two);
    const again = nodeOf(name);
    assert.equal(again.ifindex, two.ifindex(name));
    // Another process on this machine may have taken the freed number first.
    const isFree = !readTapNodes('/sys', major).some(({ minor }) => minor === freed);
    assert.ok(again.minor <= moved.minor && !(isFree && freed < again.minor));
  },
);
