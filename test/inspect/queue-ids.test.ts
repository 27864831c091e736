import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { OpenFile } from '../../src/inspect/open-files.js';
import { QueueIds } from '../../src/inspect/queue-ids.js';
import { attachment } from './samples.js';

const DEVICE = 'c1/2';
const OTHER = 'c2/2';

/** Ids of the files of each device, in the order of the files. */
function assigned(ids: QueueIds, devices: Record<string, OpenFile[]>): string[] {
  const names = ids.assign(new Map(Object.entries(devices)));
  return Object.values(devices)
    .flat()
    .map((file) => names.get(file)!);
}

test('an open file keeps its id from scan to scan', () => {
  const ids = new QueueIds();
  const first = assigned(ids, { [DEVICE]: [[attachment()], [attachment({ fd: 4 })]] });
  const second = assigned(ids, { [DEVICE]: [[attachment({ fd: 4 })], [attachment()]] });
  assert.deepEqual(second, first.reverse());
});

test('two that look at the same files for the first time give them the same ids, in any order', () => {
  const file = [attachment({ pid: 200, startTime: 2000 }), attachment(), attachment({ fd: 9 })];
  const [one] = assigned(new QueueIds(), { [DEVICE]: [file] });
  const [other] = assigned(new QueueIds(), { [DEVICE]: [[...file].reverse()] });
  assert.equal(one, other);
});

test('a file that a child inherits keeps its id when the parent goes', () => {
  const ids = new QueueIds();
  const parent = attachment();
  const child = attachment({ pid: 200, startTime: 2000 });
  const [alone] = assigned(ids, { [DEVICE]: [[parent]] });
  assert.deepEqual(assigned(ids, { [DEVICE]: [[child, parent]] }), [alone]);
  assert.deepEqual(assigned(ids, { [DEVICE]: [[child]] }), [alone]);
});

test('a file that moves with its device to another namespace keeps its id', () => {
  const ids = new QueueIds();
  const before = assigned(ids, { [DEVICE]: [[attachment()]] });
  const moved = [attachment({ deviceNetns: 2 })];
  assert.deepEqual(assigned(ids, { [OTHER]: [moved] }), before);
});

test('a number that came to mean a file on another device leaves the id to the file that stayed', () => {
  const ids = new QueueIds();
  const [id] = assigned(ids, { [DEVICE]: [[attachment({ fd: 3 }), attachment({ fd: 4 })]] });
  const [elsewhere, stayed] = assigned(ids, {
    [OTHER]: [[attachment({ fd: 3, deviceNetns: 2 })]],
    [DEVICE]: [[attachment({ fd: 4 })]],
  });
  assert.equal(stayed, id);
  assert.notEqual(elsewhere, id);
});

test('a number that was given to a file opened in another namespace means a new id', () => {
  const ids = new QueueIds();
  const [id] = assigned(ids, { [DEVICE]: [[attachment(), attachment({ fd: 4 })]] });
  const [kept, anew] = assigned(ids, {
    [DEVICE]: [[attachment({ fd: 4 })], [attachment({ openedNetns: 2 })]],
  });
  assert.equal(kept, id);
  assert.notEqual(anew, id);
});

test('a process that got the pid of another one has other files', () => {
  const ids = new QueueIds();
  const [id] = assigned(ids, { [DEVICE]: [[attachment()]] });
  const [successor] = assigned(ids, { [DEVICE]: [[attachment({ startTime: 1001 })]] });
  assert.notEqual(successor, id);
});

test('a file that was not there at one scan is a new one at the next', () => {
  const ids = new QueueIds();
  const shared = [attachment(), attachment({ pid: 200, startTime: 2000 })];
  const [id] = assigned(ids, { [DEVICE]: [shared] });
  assigned(ids, { [DEVICE]: [] });
  const [later] = assigned(ids, { [DEVICE]: [[shared[1]!]] });
  assert.notEqual(later, id);
});

// Few slots, so that the same number often means another file at the next scan.
const slot = fc.record({
  pid: fc.constantFrom(100, 200),
  fd: fc.integer({ min: 3, max: 5 }),
  tid: fc.constantFrom(null, 101),
  openedNetns: fc.constantFrom(null, 1, 2),
});
const scan = fc
  .uniqueArray(slot, { selector: ({ pid, fd, tid }) => `${pid} ${fd} ${tid}`, maxLength: 8 })
  .chain((slots) =>
    fc.tuple(
      fc.constant(slots),
      fc.array(fc.integer({ min: 0, max: 3 }), {
        minLength: slots.length,
        maxLength: slots.length,
      }),
    ),
  );

test('whatever is opened, closed and moved, no two files of one scan have one id', () => {
  fc.assert(
    fc.property(fc.array(scan, { minLength: 1, maxLength: 6 }), (scans) => {
      const ids = new QueueIds();
      for (const [slots, numbers] of scans) {
        // Four files on two devices.
        const files = [0, 1, 2, 3].map((number) =>
          slots
            .filter((_, i) => numbers[i] === number)
            .map((of) => attachment({ ...of, startTime: of.pid * 10 })),
        );
        const there = (from: number) =>
          files.slice(from, from + 2).filter((file) => file.length > 0);
        const devices = { [DEVICE]: there(0), [OTHER]: there(2) };
        const names = assigned(ids, devices);
        assert.equal(new Set(names).size, names.length);
        assert.ok(names.every((name) => typeof name === 'string' && name !== ''));
        // Nothing changes: nothing is renamed.
        assert.deepEqual(assigned(ids, devices), names);
      }
    }),
  );
});

for (const [what, one, other] of [
  ['opened in another namespace', { openedNetns: 1 }, { openedNetns: 2 }],
  ['of another node', { openedNetns: null, nodeMinor: 1 }, { openedNetns: null, nodeMinor: 2 }],
] as const) {
  test(`a lone descriptor that came to mean a file ${what} has another id, there and elsewhere`, () => {
    for (const device of [DEVICE, OTHER]) {
      const ids = new QueueIds();
      const [before] = assigned(ids, { [DEVICE]: [[attachment(one)]] });
      const [after] = assigned(ids, { [device]: [[attachment(other)]] });
      assert.notEqual(after, before);
      assert.deepEqual(assigned(ids, { [device]: [[attachment(other)]] }), [after]);
    }
  });
}
