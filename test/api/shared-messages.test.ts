import assert from 'node:assert/strict';
import { test } from 'node:test';
import { SharedMessages, tapBindingServiceDefinition } from '../../src/api/shared-messages.js';
import { WatchTapBindingsResponse } from '../../src/gen/tapmap/v1/tap_binding_service.js';

const { responseSerialize } = tapBindingServiceDefinition.watchTapBindings;

function made(revision: number) {
  return [
    { message: WatchTapBindingsResponse.fromPartial({ revision: BigInt(revision) }), size: 1 },
  ];
}

const fails = () => assert.fail('it was made already');

test('messages are made once for all that go the same way, and encoded once', () => {
  const shared = new SharedMessages();
  const first = shared.of(7, 'key', () => made(7));
  const again = shared.of(7, 'key', fails);
  assert.equal(again, first);
  const { message } = first[0]!;
  const bytes = responseSerialize(message);
  assert.equal(responseSerialize(message), bytes);
  assert.deepEqual(WatchTapBindingsResponse.decode(bytes), message);
});

test('another way, or another revision, has other messages', () => {
  const shared = new SharedMessages();
  const first = shared.of(7, 'key', () => made(7));
  assert.notEqual(
    shared.of(7, 'other key', () => made(7)),
    first,
  );
  assert.notEqual(
    shared.of(8, 'key', () => made(8)),
    first,
  );
});

test('messages of one watcher alone are encoded as they are', () => {
  const { message } = made(7)[0]!;
  const bytes = responseSerialize(message);
  message.revision = 8n;
  assert.notDeepEqual(responseSerialize(message), bytes);
});
