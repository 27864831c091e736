import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Difference } from '../../src/probe/difference.js';
import { binding, coverage } from './samples.js';

const names = (bindings: readonly { readonly name: string }[]) => bindings.map(({ name }) => name);

test('the first observation is full, also when there is nothing', () => {
  const first = new Difference().next([binding(1), binding(2)], coverage);
  assert.equal(first.full, true);
  assert.deepEqual(first.bindings, [binding(1), binding(2)]);
  assert.deepEqual(first.gone, []);
  assert.equal(first.coverage, coverage);
  assert.equal(new Difference().next([], coverage).full, true);
});

test('where nothing changed, nothing is told', () => {
  const difference = new Difference();
  difference.next([binding(1)], coverage);
  const { full, bindings, gone } = difference.next([binding(1)], coverage);
  assert.deepEqual({ full, bindings, gone }, { full: false, bindings: [], gone: [] });
});

test('only what is new or differs from the observation before is told', () => {
  const difference = new Difference();
  difference.next([binding(1), binding(2)], coverage);
  const held = binding(2, 'HELD');
  const changed = difference.next([binding(1), held, binding(3)], coverage);
  assert.deepEqual(changed.bindings, [held, binding(3)]);
  const back = difference.next([binding(1), binding(2), binding(3)], coverage);
  assert.deepEqual(back.bindings, [binding(2)]);
});

test('what is gone is told once, by its name, and as new when it comes back', () => {
  const difference = new Difference();
  difference.next([binding(1), binding(2)], coverage);
  const without = difference.next([binding(2)], coverage);
  assert.deepEqual([without.gone, without.bindings], [[binding(1).name], []]);
  assert.deepEqual(difference.next([binding(2)], coverage).gone, []);
  const back = difference.next([binding(1), binding(2)], coverage);
  assert.deepEqual([back.gone, names(back.bindings)], [[], [binding(1).name]]);
});
