import assert from 'node:assert/strict';
import { test } from 'node:test';
import { SharedMessages } from '../../src/api/shared-messages.js';

const made = (text: string) => [Buffer.from(text)];
const fails = () => assert.fail('it was made already');

test('messages are made once for all that go the same way, and encoded once', () => {
  const shared = new SharedMessages();
  const first = shared.of(7, 'key', () => made('7'));
  assert.equal(shared.of(7, 'key', fails), first);
});

test('another way, or another revision, has other messages', () => {
  const shared = new SharedMessages();
  const first = shared.of(7, 'key', () => made('7'));
  assert.notEqual(
    shared.of(7, 'other key', () => made('7')),
    first,
  );
  assert.notEqual(
    shared.of(8, 'key', () => made('8')),
    first,
  );
});
