import assert from 'node:assert/strict';
import type { TestContext } from 'node:test';
import { test } from 'node:test';
import { NO_EVENTS } from '../../src/api/events.js';
import { FanOut } from '../../src/api/fan-out.js';
import { DEFAULT_LIMITS } from '../../src/api/limits.js';
import { SharedMessages } from '../../src/api/shared-messages.js';
import { parseWatchRequest, watchStart } from '../../src/api/watch-request.js';
import { Watcher } from '../../src/api/watcher.js';
import {
  WatchTapBindingsRequest,
  WatchTapBindingsResponse,
} from '../../src/gen/tapmap/v1/tap_binding_service.js';
import { BindingStore } from '../../src/store/binding-store.js';
import { binding, observed } from '../store/observations.js';
import { ClientThatLags } from './client-that-lags.js';
import { Clock } from './clock.js';

const INTERVAL = 30_000;

/** A watcher with the default progress interval, on a clock that the test moves. */
function watch(t: TestContext, unreadBytes: number) {
  const clock = new Clock(t);
  const store = new BindingStore();
  store.apply(observed(1_000, []));
  const client = new ClientThatLags();
  const plan = parseWatchRequest(WatchTapBindingsRequest.fromPartial({}), {
    list: true,
    commandLines: true,
    reflection: true,
  });
  const context = {
    store,
    node: 'host1',
    scanNow: () => Promise.reject(new Error('no scan in this test')),
    disconnect: () => assert.fail('nothing is to be disconnected'),
    limits: DEFAULT_LIMITS,
    room: () => unreadBytes,
    fanOut: new FanOut(),
    sharedMessages: new SharedMessages(),
    events: NO_EVENTS,
    log: (error: unknown) => {
      throw error;
    },
  };
  const watcher = new Watcher(context, client.call, plan, () => undefined);
  watcher.start(watchStart(plan, store));
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
