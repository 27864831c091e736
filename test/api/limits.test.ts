import assert from 'node:assert/strict';
import { once } from 'node:events';
import { describe, test } from 'node:test';
import type { ClientReadableStream, StatusObject } from '@grpc/grpc-js';
import { status as Code } from '@grpc/grpc-js';
import type { Limits } from '../../src/api/limits.js';
import {
  ListTapBindingsRequest,
  type ListTapBindingsResponse,
} from '../../src/gen/tapmap/v1/tap_binding_service.js';
import { until } from '../stage/until.js';
import { binding, observed } from '../store/observations.js';
import { errorDetails } from './error-details.js';
import { failure, serve, type TestServer } from './server.js';

/** More than a connection and a server that write ahead can hold. */
const BINDINGS = 100;
const BALLAST = '.'.repeat(50_000);

async function crowded(
  t: Parameters<typeof serve>[0],
  limits: Partial<Limits>,
): Promise<TestServer> {
  const server = await serve(t, { limits: { unreadBytes: 1, ...limits } });
  const bindings = Array.from({ length: BINDINGS }, (_, i) =>
    binding(i + 1, { device: { alias: BALLAST } }),
  );
  server.store.apply(observed(1_000, bindings));
  return server;
}

/** A list of which only the first message is read until `read`. */
class UnreadList {
  readonly #call: ClientReadableStream<ListTapBindingsResponse>;
  readonly #status: Promise<StatusObject>;
  readonly #begun: Promise<void>;
  #bindings = 0;

  constructor(server: TestServer) {
    this.#call = server.client().listTapBindings(ListTapBindingsRequest.create());
    this.#status = new Promise((resolve) => this.#call.on('status', resolve));
    this.#call.on('error', () => undefined); // Told by the status too.
    this.#call.on('data', ({ bindings }: ListTapBindingsResponse) => {
      this.#bindings += bindings.length;
    });
    // Not before: what comes to a call of which nothing was read yet is taken without end.
    this.#begun = once(this.#call, 'data').then(() => {
      this.#call.pause();
    });
  }

  async begun(): Promise<void> {
    await this.#begun;
  }

  async read(): Promise<{ readonly bindings: number; readonly status: StatusObject }> {
    this.#call.resume();
    return { status: await this.#status, bindings: this.#bindings };
  }

  async cancel(): Promise<void> {
    this.#call.cancel();
    await this.#status;
  }
}

/** Resolves when a list is let in again. */
async function admitted(server: TestServer): Promise<void> {
  await until('a list is let in', () =>
    server.list({ filter: [{ deviceName: 'none' }] }).then(Boolean, () => false),
  );
}

describe('lists at once', () => {
  test('are as many as allowed, until one of them has been read', async (t) => {
    const server = await crowded(t, { lists: 1 });
    const unread = new UnreadList(server);
    await unread.begun();
    const refused = await failure(server.list());
    assert.equal(refused.code, Code.RESOURCE_EXHAUSTED);
    const { reason, retryAfter } = errorDetails(refused);
    assert.deepEqual([reason, retryAfter], ['TOO_MANY_LISTS', 1_000]);
    const { bindings, status } = await unread.read();
    assert.deepEqual([bindings, status.code], [BINDINGS, Code.OK]);
    await admitted(server);
  });

  test('or until the client of one leaves', async (t) => {
    const server = await crowded(t, { lists: 1 });
    const unread = new UnreadList(server);
    await unread.begun();
    await unread.cancel();
    await admitted(server);
  });

  test('do not count those that were refused', async (t) => {
    const server = await crowded(t, { lists: 1 });
    for (let i = 0; i < 3; i++) await failure(server.list({ filter: [{ deviceName: '[' }] }));
    await admitted(server);
  });

  test('count one that was ended for not reading until it is gone', async (t) => {
    const server = await crowded(t, { lists: 1, stallMs: 100 });
    const unread = new UnreadList(server);
    await unread.begun();
    await until('it is given up', () => server.disconnected === 1);
    // It was ended long before. Its last messages and its status wait behind what it has yet to read.
    assert.equal(errorDetails(await failure(server.list())).reason, 'TOO_MANY_LISTS');
    const { bindings, status } = await unread.read();
    assert.ok(bindings < BINDINGS);
    assert.equal(status.code, Code.ABORTED);
    assert.equal(errorDetails(status).reason, 'NOT_READING');
    await admitted(server);
  });
});

describe('lists that wait for a scan', () => {
  test('are as many as allowed, and leave room for those that do not', async (t) => {
    const scans: (() => void)[] = [];
    const scanNow = () => new Promise<void>((resolve) => scans.push(resolve));
    const server = await serve(t, { scanNow, limits: { freshLists: 2 } });
    server.store.apply(observed(1_000, [binding(1)]));
    const waiting = [server.list({ fresh: true }), server.list({ fresh: true })];
    await until('both wait', () => scans.length === 2);
    const refused = await failure(server.list({ fresh: true }));
    assert.equal(refused.code, Code.RESOURCE_EXHAUSTED);
    const { reason, retryAfter } = errorDetails(refused);
    assert.deepEqual([reason, retryAfter], ['TOO_MANY_FRESH_LISTS', 1_000]);
    assert.equal((await server.list()).bindings.length, 1);
    for (const resolve of scans) resolve();
    for (const { bindings } of await Promise.all(waiting)) assert.equal(bindings.length, 1);
  });
});

describe('watchers at once', () => {
  test('count one that was ended for not reading until it is gone', async (t) => {
    const server = await crowded(t, { watchers: 1, stallMs: 100 });
    const unread = server.watch();
    await unread.messageCount(1);
    unread.pause();
    await until('it is ended', () => server.store.subscribers === 0);
    assert.equal(errorDetails(await server.watch().status).reason, 'TOO_MANY_WATCHERS');
    unread.resume();
    assert.equal(errorDetails(await unread.status).reason, 'NOT_READING');
    const next = server.watch();
    await next.reached(1);
  });

  test('do not count for ever: a client that never reads is disconnected', async (t) => {
    const server = await crowded(t, { watchers: 1, stallMs: 100 });
    const unread = server.watch();
    await unread.messageCount(1);
    unread.pause();
    await until('its connection is to be closed', () => server.disconnected === 1);
    await unread.cancel();
  });
});
