import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import type { Messages } from '../../src/api/shared-messages.js';
import { NO_MORE, SharedMessages } from '../../src/api/shared-messages.js';

const SIZE = 1_000;
const ROOM = 1_000_000;

/** Messages of one size that say which they are, and which of them were made so far. */
function numbered(count: number) {
  const made: number[] = [];
  const from = (index: number): Messages => {
    if (index === count) return NO_MORE;
    return () => {
      made.push(index);
      return { bytes: Buffer.alloc(SIZE, `${index} `), rest: from(index + 1) };
    };
  };
  return { made, messages: () => from(0) };
}

const fails = () => assert.fail('it is made already');

function next(reader: Iterator<Buffer>): Buffer {
  const result = reader.next();
  assert.ok(result.done !== true);
  return result.value;
}

/** All that is still to come. */
function rest(reader: Iterator<Buffer>): Buffer[] {
  const messages: Buffer[] = [];
  for (let result = reader.next(); result.done !== true; result = reader.next()) {
    messages.push(result.value);
  }
  return messages;
}

describe('messages that many are sent', () => {
  test('are made when the first reader gets there, once for all', () => {
    const shared = new SharedMessages(ROOM);
    const { made, messages } = numbered(3);
    const first = shared.of('key', messages);
    const second = shared.of('key', fails);
    assert.deepEqual(made, []);
    assert.equal(next(first), next(second));
    assert.deepEqual(made, [0]);
    const [ofFirst, ofSecond] = [rest(first), rest(second)];
    assert.equal(ofFirst.length, 2);
    for (const [index, bytes] of ofFirst.entries()) assert.equal(ofSecond[index], bytes);
    assert.deepEqual(made, [0, 1, 2]);
  });

  test('are others for another key', () => {
    const shared = new SharedMessages(ROOM);
    const first = rest(shared.of('key', numbered(1).messages));
    const second = rest(shared.of('other key', numbered(1).messages));
    assert.deepEqual(first, second);
    assert.notEqual(first[0], second[0]);
  });

  test('are shared also when each reader is through before the next one begins', () => {
    const shared = new SharedMessages(ROOM);
    const { made, messages } = numbered(3);
    const first = rest(shared.of('key', messages));
    assert.equal(rest(shared.of('key', fails))[2], first[2]);
    assert.deepEqual(made, [0, 1, 2]);
  });

  test('that there are none is found out once', () => {
    const shared = new SharedMessages(ROOM);
    let asked = 0;
    const nothing: Messages = () => {
      asked++;
      return null;
    };
    assert.deepEqual(rest(shared.of('key', () => nothing)), rest(shared.of('key', fails)));
    assert.equal(asked, 1);
  });

  test('are gone when their readers are: at the end, or on the way', async () => {
    const shared = new SharedMessages(ROOM);
    const first = shared.of('key', numbered(3).messages);
    const second = shared.of('key', fails);
    rest(first);
    next(second);
    await turn();
    assert.ok(shared.keptBytes >= 3 * SIZE, 'one reader is left');
    second.return?.();
    second.return?.();
    assert.deepEqual(rest(second), []);
    await turn();
    assert.equal(shared.keptBytes, 0);
    const { made, messages } = numbered(3);
    rest(shared.of('key', messages));
    assert.deepEqual(made, [0, 1, 2]);
    await turn();
    assert.equal(shared.keptBytes, 0);
  });
});

describe('what is kept of them', () => {
  const COUNT = 100;

  test('is bounded, however far one reader is behind another: both get the same', async () => {
    const limit = 10 * SIZE;
    const shared = new SharedMessages(limit);
    const { made, messages } = numbered(COUNT);
    const slow = shared.of('key', messages);
    const alsoSlow = shared.of('key', fails);
    const fast = shared.of('key', fails);
    const begin = next(slow);
    next(alsoSlow);
    const all: Buffer[] = [];
    for (let index = 0; index < COUNT; index++) {
      all.push(next(fast));
      assert.ok(shared.keptBytes <= limit, `${shared.keptBytes} bytes`);
    }
    assert.equal(made.length, COUNT);
    // Side by side, the slow ones share again what is made for them again.
    for (let index = 1; index < COUNT; index++) {
      const bytes = next(slow);
      assert.equal(next(alsoSlow), bytes);
      assert.deepEqual(bytes, all[index]);
      assert.ok(shared.keptBytes <= limit);
    }
    assert.deepEqual(begin, all[0]);
    assert.ok(made.length < 2 * COUNT);
    for (const reader of [slow, alsoSlow, fast]) assert.deepEqual(rest(reader), []);
    await turn();
    assert.equal(shared.keptBytes, 0);
  });

  test('is bounded, however many keys there are, and goes to those that are asked for', () => {
    const limit = 10 * SIZE;
    const shared = new SharedMessages(limit);
    const { made, messages } = numbered(1);
    const asked = shared.of('asked for', messages);
    const bytes = next(asked);
    for (let key = 0; key < 100; key++) {
      next(shared.of(`key ${key}`, numbered(2).messages));
      assert.ok(shared.keptBytes <= limit);
      assert.equal(next(shared.of('asked for', fails)), bytes);
    }
    assert.deepEqual(made, [0]);
  });

  test('is nothing of a message that is larger than all of it', () => {
    const shared = new SharedMessages(SIZE);
    const { messages } = numbered(2);
    const [first, second] = [shared.of('key', messages), shared.of('key', fails)];
    assert.deepEqual(rest(first), rest(second));
    assert.equal(shared.keptBytes, 0);
  });
});
