import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isDeepStrictEqual } from 'node:util';
import fc from 'fast-check';
import { shareStructure } from '../../src/store/structural-sharing.js';

test('an equal value is the earlier object itself', () => {
  const before = { a: [1, { b: null }], c: 'x' };
  assert.equal(shareStructure(before, structuredClone(before)), before);
});

test('a different value keeps the parts of the earlier one that are the same', () => {
  const before = { kept: { list: [1, 2] }, changed: { deep: { same: [3] }, value: 1 } };
  const after = structuredClone(before);
  after.changed.value = 2;
  const shared = shareStructure(before, after);
  assert.deepEqual(shared, after);
  assert.equal(shared.kept, before.kept);
  assert.equal(shared.changed.deep, before.changed.deep);
});

test('elements that came to or went from the end of a list make another list', () => {
  const before = [{ a: 1 }, { b: 2 }];
  assert.deepEqual(shareStructure(before, [{ a: 1 }]), [{ a: 1 }]);
  const longer = shareStructure<object[]>(before, [{ a: 1 }, { b: 2 }, { c: 3 }]);
  assert.deepEqual(longer, [{ a: 1 }, { b: 2 }, { c: 3 }]);
  assert.equal(longer[0], before[0]);
});

test('a field that came or went makes another object', () => {
  const before: Record<string, number> = { a: 1, b: 2 };
  assert.deepEqual(shareStructure(before, { a: 1 }), { a: 1 });
  assert.deepEqual(shareStructure(before, { a: 1, b: 2, c: 3 }), { a: 1, b: 2, c: 3 });
});

test('the result always equals the later value, and is the earlier object if and only if both are equal', () => {
  // Small values, so that equal ones meet.
  const value = fc.jsonValue({ maxDepth: 3, noUnicodeString: true });
  const pair = fc.oneof(
    fc.tuple(value, value),
    value.map((same) => [same, structuredClone(same)] as const),
  );
  fc.assert(
    fc.property(pair, ([before, after]) => {
      // JSON has no own `__proto__` that is a prototype; the model has no such field.
      const shared = shareStructure(before, after);
      assert.deepEqual(shared, after);
      if (typeof before === 'object' && before !== null) {
        assert.equal(shared === before, isDeepStrictEqual(before, after));
      }
    }),
  );
});
