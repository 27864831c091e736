import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { Metadata, status as Code } from '@grpc/grpc-js';
import { ApiError, errorStatus } from '../../src/api/error.js';
import { DeviceKind, Verdict } from '../../src/gen/tapmap/v1/tap_binding.js';
import type { View } from '../../src/gen/tapmap/v1/tap_binding_service.js';
import { binding, netns, observed } from '../store/observations.js';
import { errorDetails } from './error-details.js';
import { failure, serve } from './server.js';

/** A value that only a later version of the contract may have. */
const viewFromNumber = (value: unknown) => value as View;
const kindFromNumber = (value: unknown) => value as DeviceKind;

describe('a request that does not parse', () => {
  test('is INVALID_ARGUMENT with the path of each field', async (t) => {
    const server = await serve(t);
    server.store.apply(observed(1_000, []));
    const error = await failure(
      server.list({
        view: viewFromNumber(9),
        filter: [
          {},
          {
            deviceName: 'tap[',
            kind: [
              DeviceKind.DEVICE_KIND_TUN,
              DeviceKind.DEVICE_KIND_UNSPECIFIED,
              kindFromNumber(77),
            ],
            verdict: [Verdict.VERDICT_UNSPECIFIED],
            netnsPath: 'run/netns/a',
            comm: 'a\\',
            pid: 4_000_000_000,
            name: 'tap0',
          },
        ],
      }),
    );
    assert.equal(error.code, Code.INVALID_ARGUMENT);
    const { status, reason, domain, fields, retryAfter } = errorDetails(error);
    assert.equal(status.code, Code.INVALID_ARGUMENT);
    assert.equal(status.message, error.details);
    assert.deepEqual([reason, domain, retryAfter], ['INVALID_REQUEST', 'tapmap', null]);
    assert.deepEqual([...fields].sort(), [
      'filter[1].comm',
      'filter[1].device_name',
      'filter[1].kind[1]',
      'filter[1].kind[2]',
      'filter[1].name',
      'filter[1].netns_path',
      'filter[1].pid',
      'filter[1].verdict[0]',
      'view',
    ]);
  });

  test('names no more fields than a header holds', async (t) => {
    const server = await serve(t);
    server.store.apply(observed(1_000, []));
    const filter = Array.from({ length: 100 }, () => ({ deviceName: '[' }));
    const error = await failure(server.list({ filter }));
    assert.equal(error.code, Code.INVALID_ARGUMENT);
    assert.equal(errorDetails(error).fields.length, 10);
    assert.match(error.details, /and 99 more/);
  });

  test('of a watch names resume_token and progress_interval', async (t) => {
    const server = await serve(t);
    server.store.apply(observed(1_000, []));
    for (const [seconds, nanos] of [
      [0n, 0],
      [0n, 99_000_000],
      [3_601n, 0],
      [-1n, 0],
    ] as const) {
      const watch = server.watch({ resumeToken: 'garbage', progressInterval: { seconds, nanos } });
      const ended = await watch.status;
      assert.equal(ended.code, Code.INVALID_ARGUMENT);
      assert.deepEqual(errorDetails(ended).fields, ['resume_token', 'progress_interval']);
    }
    assert.equal(server.store.subscribers, 0);
  });
});

describe('a server that cannot answer now', () => {
  const methods = ['list', 'watch'] as const;

  test('is UNAVAILABLE before the first observation', async (t) => {
    const server = await serve(t);
    for (const method of methods) {
      const ended = method === 'list' ? await failure(server.list()) : await server.watch().status;
      assert.equal(ended.code, Code.UNAVAILABLE);
      const { reason, retryAfter } = errorDetails(ended);
      assert.deepEqual([reason, retryAfter], ['STARTING', 1_000]);
    }
  });

  test('is UNAVAILABLE to new calls while it drains', async (t) => {
    const server = await serve(t);
    server.store.apply(observed(1_000, []));
    server.draining.abort();
    for (const method of methods) {
      const ended = method === 'list' ? await failure(server.list()) : await server.watch().status;
      assert.equal(ended.code, Code.UNAVAILABLE);
      const { reason, retryAfter } = errorDetails(ended);
      assert.deepEqual([reason, retryAfter], ['DRAINING', 1_000]);
    }
  });

  test('is RESOURCE_EXHAUSTED to one watcher too many, until another leaves', async (t) => {
    const server = await serve(t, { limits: { watchers: 1 } });
    server.store.apply(observed(1_000, []));
    const first = server.watch();
    await first.reached(1);
    const ended = await server.watch().status;
    assert.equal(ended.code, Code.RESOURCE_EXHAUSTED);
    assert.deepEqual(errorDetails(ended).reason, 'TOO_MANY_WATCHERS');
    assert.equal(errorDetails(ended).retryAfter, 10_000);
    server.draining.abort();
    assert.equal((await first.status).code, Code.OK);
  });
});

describe('a scan that was asked for', () => {
  test('and cannot be had is UNAVAILABLE, without the reason of the inside', async (t) => {
    const server = await serve(t, { scanNow: () => Promise.reject(new Error('secret')) });
    server.store.apply(observed(1_000, []));
    const error = await failure(server.list({ fresh: true }));
    assert.equal(error.code, Code.UNAVAILABLE);
    assert.equal(errorDetails(error).reason, 'SCAN_FAILED');
    assert.equal(errorDetails(error).retryAfter, 1_000);
    assert.doesNotMatch(error.message, /secret/);
  });

  test('and does not come is UNAVAILABLE after a while', async (t) => {
    const server = await serve(t, {
      limits: { scanMs: 20 },
      scanNow: () => new Promise(() => undefined),
    });
    server.store.apply(observed(1_000, []));
    const error = await failure(server.list({ fresh: true }));
    assert.equal(errorDetails(error).reason, 'SCAN_FAILED');
  });

  test('is waited for no longer once the server drains', async (t) => {
    const server = await serve(t, {
      scanNow: () => {
        server.draining.abort();
        return new Promise(() => undefined);
      },
    });
    server.store.apply(observed(1_000, []));
    const error = await failure(server.list({ fresh: true }));
    assert.equal(errorDetails(error).reason, 'DRAINING');
  });
});

describe('an error of the inside', () => {
  test('is INTERNAL without its text, and is logged', async (t) => {
    const server = await serve(t);
    server.store.apply(observed(1_000, [binding(1)]));
    const inside = new Error('secret of the inside');
    t.mock.method(server.store, 'snapshot', () => {
      throw inside;
    });
    const error = await failure(server.list());
    const { code, details } = await server.watch().status;
    assert.deepEqual([error.code, code], [Code.INTERNAL, Code.INTERNAL]);
    assert.equal(errorDetails(error).reason, 'INTERNAL');
    assert.deepEqual([error.details, details], ['internal error', 'internal error']);
    assert.deepEqual(server.logged, [inside, inside]);
    assert.equal(server.store.subscribers, 0);
  });

  test('while a watch runs ends that watch alone', async (t) => {
    const server = await serve(t);
    server.store.apply(observed(1_000, [binding(1)]));
    const seesIt = server.watch();
    const doesNot = server.watch({ filter: [{ deviceName: 'tap[13]' }] });
    await Promise.all([seesIt.reached(1), doesNot.reached(1)]);
    const device = { netns: netns(1, { cookie: 'no number' }) };
    server.store.apply(observed(2_000, [binding(1), binding(2, { device }), binding(3)]));
    assert.equal((await seesIt.status).code, Code.INTERNAL);
    await doesNot.reached(2);
    assert.equal(server.logged.length, 1);
    assert.equal(server.store.subscribers, 1);
  });
});

test('an ApiError becomes a status with its details', () => {
  const { code, details, metadata } = errorStatus(
    new ApiError('DRAINING', 'the server is draining', { retryAfterMs: 1_500 }),
  );
  assert.equal(code, Code.UNAVAILABLE);
  assert.equal(details, 'the server is draining');
  assert.ok(metadata instanceof Metadata);
  assert.equal(errorDetails({ metadata }).retryAfter, 1_500);
});
