import assert from 'node:assert/strict';
import { createServer } from 'node:net';
import { describe, it } from 'node:test';
import { chmod } from 'node:fs/promises';
import { setTimeout as pause } from 'node:timers/promises';
import { status } from '@grpc/grpc-js';
import { Backoff } from '../../src/client/backoff.js';
import { watchMessages } from '../../src/client/watch-messages.js';
import {
  listTapBindings,
  TapmapError,
  watchTapBindings,
  type ListTapBindingsOptions,
  type TapmapErrorCode,
} from '../../src/client/index.js';
import { WatchTapBindingsRequest } from '../../src/gen/tapmap/v1/tap_binding_service.js';
import { serve } from '../api/server.js';
import { failure, stage, type WatchCall } from '../cli/stage.js';
import { binding, observed } from '../store/observations.js';
import { next } from './events.js';
import { added, emptySnapshot, retryAfter } from './scripted.js';

const FAST = { first: 1, most: 4 };

async function rejection(promise: Promise<unknown>): Promise<TapmapError> {
  const error = await promise.then(
    () => assert.fail('it was no error'),
    (reason: unknown) => reason,
  );
  assert.ok(error instanceof TapmapError, String(error));
  return error;
}

describe('what trying again would not change is thrown', () => {
  it('a field that the server refuses, by name', async (t) => {
    const server = await serve(t);
    server.store.apply(observed(1_000, [binding(1)]));
    const { address } = server;
    const filter = { deviceName: '\\' };
    for (const call of [
      () => watchTapBindings({ address, filter }).next(),
      () => listTapBindings({ address, filter }),
    ]) {
      const error = await rejection(call());
      assert.equal(error.code, 'INVALID_REQUEST');
      assert.equal(error.reason, 'INVALID_REQUEST');
      assert.deepEqual(
        error.violations.map(({ field }) => field),
        ['filter[0].device_name'],
      );
      assert.match(error.message, new RegExp(`^${address}: filter\\[0\\]\\.device_name: `));
    }
    const long = { deviceName: 'x'.repeat(5 * 1024 * 1024) };
    const tooLong = await rejection(watchTapBindings({ address, filter: long }).next());
    assert.equal(tooLong.code, 'INVALID_REQUEST');
    const interval = await rejection(watchTapBindings({ address, progressInterval: 1 }).next());
    assert.equal(interval.violations[0]?.field, 'progress_interval');
  });

  const refusals: [status, TapmapErrorCode][] = [
    [status.PERMISSION_DENIED, 'PERMISSION_DENIED'],
    [status.UNAUTHENTICATED, 'UNAUTHENTICATED'],
    [status.UNIMPLEMENTED, 'NOT_TAPMAP'],
  ];
  for (const [code, expected] of refusals) {
    it(`${status[code]}, at first and after a reconnect`, async () => {
      const refuse = (call: WatchCall): void => {
        call.emit('error', failure(code, 'not you'));
      };
      await using server = await stage({ watch: refuse });
      const { address } = server;
      const error = await rejection(watchTapBindings({ address }).next());
      assert.deepEqual([error.code, error.details], [expected, 'not you']);

      let calls = 0;
      server.kill();
      await server.serve({
        watch: (call) => {
          if (++calls > 1) refuse(call);
          else for (const message of emptySnapshot('t1')) call.write(message);
          if (calls === 1) call.end();
        },
      });
      const watch = watchTapBindings({ address, backoff: FAST });
      await next(watch, 'snapshot');
      await next(watch, 'disconnected');
      assert.equal((await rejection(watch.next())).code, expected);
      assert.equal((await watch.next()).done, true);
    });
  }

  it('an option that cannot be used, by name', async () => {
    const options: [string, ListTapBindingsOptions][] = [
      ['address', { address: 'foo' }],
      ['address', { address: 'tcp://localhost:0' }],
      ['tls', { address: 'unix:///run/s', tls: {} }],
      ['tls.key', { address: 'tcp://a:1', tls: { certificate: 'c' } }],
      ['tls.certificate', { address: 'tcp://a:1', tls: { key: 'k' } }],
      ['tls.serverName', { address: 'tcp://a:1', tls: { serverName: '' } }],
      ['tls.ca', { address: 'tcp://a:1', tls: { ca: '/nowhere/ca.pem' } }],
      ['tls.ca', { address: 'tcp://a:1', tls: { ca: Buffer.from('no certificate') } }],
      ['filter[1]', { address: 'unix:///run/s', filter: [{}, { netnsInode: 'x' }] }],
    ];
    for (const [field, option] of options) {
      for (const promise of [listTapBindings(option), watchTapBindings(option).next()]) {
        const { code, violations } = await rejection(promise);
        assert.deepEqual([code, violations.map((one) => one.field)], ['INVALID_OPTION', [field]]);
      }
    }
    const resume = { resumeToken: '', bindings: [] };
    const { violations } = await rejection(
      watchTapBindings({ address: 'unix:///run/s', resume }).next(),
    );
    assert.equal(violations[0]?.field, 'resume.resumeToken');
  });

  it('a socket that is not ours to open', { skip: process.getuid?.() === 0 }, async () => {
    await using server = await stage({});
    await chmod(server.path, 0);
    const error = await rejection(watchTapBindings({ address: server.address }).next());
    assert.deepEqual([error.code, error.connectFault], ['PERMISSION_DENIED', 'EACCES']);
  });
});

describe('what may pass is tried again', () => {
  const passing: [status, TapmapErrorCode][] = [
    [status.UNAVAILABLE, 'UNAVAILABLE'],
    [status.ABORTED, 'ABORTED'],
    [status.RESOURCE_EXHAUSTED, 'RESOURCE_EXHAUSTED'],
    [status.INTERNAL, 'INTERNAL'],
    [status.CANCELLED, 'UNAVAILABLE'],
  ];
  for (const [code, expected] of passing) {
    it(`${status[code]}: the watch says so once, and resumes by its token`, async () => {
      const tokens: string[] = [];
      const fail = (call: WatchCall): void => {
        call.emit('error', failure(code, 'not now'));
      };
      await using server = await stage({
        watch: (call) => {
          tokens.push(call.request.resumeToken);
          if (tokens.length === 1) {
            for (const message of [...emptySnapshot('t1'), added('a', 't2')]) call.write(message);
          }
          if (tokens.length < 4) fail(call);
          else call.write(added('b', 't3'));
        },
      });
      await using watch = watchTapBindings({ address: server.address, backoff: FAST });
      await next(watch, 'snapshot');
      await next(watch, 'changes');
      const { error } = await next(watch, 'disconnected');
      assert.equal(error?.code, expected);
      await next(watch, 'connected');
      await next(watch, 'changes');
      assert.deepEqual(tokens, ['', 't2', 't2', 't2']);
      assert.deepEqual([...watch.bindings.keys()], ['a', 'b']);
    });
  }

  it('a server that never answers is given up after a while', async (t) => {
    await using server = await stage();
    const accepted = new Set<{ destroy(): void }>();
    const mute = createServer((socket) => accepted.add(socket.on('error', () => undefined)));
    await new Promise<void>((resolve) => mute.listen(server.path, resolve));
    t.after(() => {
      mute.close();
    });
    const target = { address: server.address, target: server.address, tls: null };
    const { signal } = new AbortController();
    const items = watchMessages(target, WatchTapBindingsRequest.create(), {
      persistent: true,
      startTimeout: 0,
      answerTimeout: 20,
      reconnect: true,
      signal,
    });
    const { value } = await items.next();
    assert.ok(value?.kind === 'disconnected');
    assert.equal(value.error?.code, 'DEADLINE_EXCEEDED');
    await items.return();
    for (const socket of accepted) socket.destroy();
  });
});

describe('the wait between two tries', () => {
  it('doubles up to a bound, and begins anew when it works again', () => {
    const backoff = new Backoff({ first: 100, most: 500 }, () => 1);
    const waits = [1, 2, 3, 4, 5].map(() => backoff.next(null));
    assert.deepEqual(waits, [100, 200, 400, 500, 500]);
    backoff.reset();
    assert.equal(backoff.next(null), 100);
  });

  it('has jitter, so that many clients do not come at once', () => {
    assert.equal(new Backoff({ first: 100 }, () => 0).next(null), 50);
    assert.equal(new Backoff({ first: 100 }, () => 0.5).next(null), 75);
  });

  it('is never shorter than the server asks for, within reason', () => {
    assert.equal(new Backoff({}, () => 0).next(10_000), 10_000);
    assert.equal(new Backoff({}, () => 1).next(10_000), 12_000);
    assert.equal(new Backoff({}, () => 0).next(1e9), 60_000);
    assert.equal(new Backoff({ first: 400 }, () => 1).next(1), 400);
  });

  it('is what RetryInfo says', async () => {
    const { RESOURCE_EXHAUSTED } = status;
    await using server = await stage({
      watch: (call) => call.emit('error', retryAfter(250, RESOURCE_EXHAUSTED, 'too many watchers')),
    });
    await using watch = watchTapBindings({ address: server.address, backoff: FAST });
    const { error } = await next(watch, 'disconnected');
    assert.deepEqual([error?.code, error?.retryAfter], ['RESOURCE_EXHAUSTED', 250]);
  });
});

describe('a list', () => {
  it('asks a server that is starting again, within its time', async () => {
    let calls = 0;
    await using server = await stage({
      list: (call) => {
        calls++;
        call.emit('error', retryAfter(10));
      },
    });
    const { address } = server;
    const { code } = await rejection(listTapBindings({ address, timeout: 200 }));
    assert.equal(code, 'UNAVAILABLE');
    assert.ok(calls > 1);
  });

  it('gives up when it is told to, with the reason for that', async () => {
    const controller = new AbortController();
    const reason = new Error('enough');
    await using server = await stage({
      list: () => {
        controller.abort(reason);
      },
    });
    const { address } = server;
    const { signal } = controller;
    await assert.rejects(listTapBindings({ address, signal }), reason);
    await assert.rejects(listTapBindings({ address, signal }), reason);
  });

  it('that does not come in time is DEADLINE_EXCEEDED', async () => {
    await using server = await stage({ list: () => undefined });
    const { address } = server;
    const { code } = await rejection(listTapBindings({ address, timeout: 20 }));
    assert.equal(code, 'DEADLINE_EXCEEDED');
  });
});

describe('a watch that is not read', () => {
  it('makes the server wait, instead of taking in what comes', async () => {
    const all = 400;
    const text = 'x'.repeat(100_000);
    let sent = 0;
    await using server = await stage({
      watch: (call) => {
        for (const message of emptySnapshot('t0')) call.write(message);
        const pump = (): void => {
          while (sent < all) {
            sent++;
            if (!call.write(added(`b${sent}`, `t${sent}`, text))) {
              call.once('drain', pump);
              return;
            }
          }
        };
        pump();
      },
    });
    await using watch = watchTapBindings({ address: server.address });
    await next(watch, 'snapshot');
    // Until it stands still: a slow machine can only make this test more lenient.
    let before = -1;
    while (before !== sent) {
      before = sent;
      await pause(200);
    }
    assert.ok(sent < all / 2, `${sent} of ${all} were taken in`);
    while (watch.bindings.size < all) await next(watch, 'changes');
  });
});
