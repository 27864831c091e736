import assert from 'node:assert/strict';
import type { TestContext } from 'node:test';
import { test } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import { NO_EVENTS } from '../../src/api/events.js';
import { FanOut } from '../../src/api/fan-out.js';
import { DEFAULT_LIMITS } from '../../src/api/limits.js';
import { SharedMessages } from '../../src/api/shared-messages.js';
import { parseWatchRequest, watchStart } from '../../src/api/watch-request.js';
import { Watcher } from '../../src/api/watcher.js';
import type { DeepPartial } from '../../src/gen/tapmap/v1/tap_binding_service.js';
import {
  WatchTapBindingsRequest,
  WatchTapBindingsResponse,
} from '../../src/gen/tapmap/v1/tap_binding_service.js';
import { BindingStore } from '../../src/store/binding-store.js';
import { binding, observed } from '../store/observations.js';
import { ClientThatLags } from './client-that-lags.js';
import { Clock } from './clock.js';

const INTERVAL = 30_000;

/** A store, and watchers of it with the default progress interval, on a clock that the test moves. */
function host(t: TestContext, unreadBytes: number) {
  const clock = new Clock(t);
  const store = new BindingStore();
  store.apply(observed(1_000, []));
  const sharedMessages = new SharedMessages(DEFAULT_LIMITS.sharedBytes);
  const context = {
    store,
    node: 'host1',
    scanNow: () => Promise.reject(new Error('no scan in this test')),
    disconnect: () => assert.fail('nothing is to be disconnected'),
    limits: DEFAULT_LIMITS,
    room: () => unreadBytes,
    fanOut: new FanOut(),
    sharedMessages,
    events: NO_EVENTS,
    log: (error: unknown) => {
      throw error;
    },
  };
  const access = { list: true, commandLines: true, reflection: true };
  const connect = (request: DeepPartial<WatchTapBindingsRequest> = {}) => {
    const client = new ClientThatLags();
    const plan = parseWatchRequest(WatchTapBindingsRequest.fromPartial(request), access);
    const watcher = new Watcher(context, client.call, plan, () => undefined);
    watcher.start(watchStart(plan, store));
    return client;
  };
  return { clock, store, sharedMessages, connect };
}

function watch(t: TestContext, unreadBytes: number) {
  const { clock, store, connect } = host(t, unreadBytes);
  const client = connect();
  const cases = () =>
    client.written.map((bytes) => WatchTapBindingsResponse.decode(bytes).event?.$case);
  return { clock, store, client, cases };
}

test('progress is sent each time the stream was silent for the interval', (t) => {
  const { clock, store, client, cases } = watch(t, 1_000_000);
  client.take(3);
  clock.tick(INTERVAL - 1);
  store.apply(observed(2_000, [binding(1)]));
  client.take();
  clock.tick(INTERVAL - 1);
  assert.deepEqual(cases().slice(3), ['changes']);
  clock.tick(1);
  client.take();
  clock.tick(INTERVAL);
  assert.deepEqual(cases().slice(3), ['changes', 'progress', 'progress']);
});

test('a client that lags gets the changes and no progress that they make needless', (t) => {
  const { clock, store, client, cases } = watch(t, 1);
  client.take();
  client.take();
  // The end of the snapshot is not taken when the interval is over.
  clock.tick(INTERVAL);
  store.apply(observed(2_000, [binding(1)]));
  client.take();
  client.take();
  assert.deepEqual(cases().slice(2), ['snapshotEnd', 'changes']);
});

/** Takes whatever comes until nothing more does. */
function takeAll(client: ClientThatLags): void {
  while (client.untaken > 0) client.take();
}

function assertTheSame(client: ClientThatLags, other: ClientThatLags): void {
  assert.equal(client.written.length, other.written.length);
  for (const [index, bytes] of client.written.entries()) assert.equal(other.written[index], bytes);
}

/** More than one message may have. */
const MANY = DEFAULT_LIMITS.messageBindings + 1;
const many = (mtu: number) =>
  Array.from({ length: MANY }, (_, index) => binding(index + 1, { device: { mtu } }));

test('a batch of several messages is encoded once for all clients, the slow ones, too', (t) => {
  const { store, connect } = host(t, 1);
  const [client, other] = [connect(), connect()];
  takeAll(client);
  takeAll(other);
  store.apply(observed(2_000, many(1500)));
  takeAll(client);
  takeAll(other);
  assert.ok(client.written.length > 4);
  assertTheSame(client, other);
});

test('a snapshot, and what was missed, is encoded once for all that come together', (t) => {
  const { store, connect } = host(t, 1);
  const before = connect();
  takeAll(before);
  store.apply(observed(2_000, many(1500)));
  store.apply(observed(3_000, many(9000)));
  const [client, other] = [connect(), connect()];
  takeAll(client);
  takeAll(other);
  assert.ok(client.written.length > 4);
  assertTheSame(client, other);
  const { resumeToken } = WatchTapBindingsResponse.decode(before.written[2]!);
  const [resumed, together] = [connect({ resumeToken }), connect({ resumeToken })];
  takeAll(resumed);
  takeAll(together);
  assert.ok(resumed.written.length > 4);
  assertTheSame(resumed, together);
});

test('what clients have yet to read is kept for none of those that left', async (t) => {
  const { store, sharedMessages, connect } = host(t, 1);
  const clients = [connect(), connect({ filter: [{ deviceName: 'tap*' }] })];
  for (const client of clients) takeAll(client);
  store.apply(observed(2_000, many(1500)));
  assert.ok(sharedMessages.keptBytes > 0);
  for (const client of clients) client.call.emit('cancelled', 'cancelled');
  await turn();
  assert.equal(sharedMessages.keptBytes, 0);
});
