import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { status as Code } from '@grpc/grpc-js';
import { ChangeType } from '../../src/gen/tapmap/v1/tap_binding_service.js';
import { until } from '../stage/until.js';
import { binding, holder, observed } from '../store/observations.js';
import { errorDetails } from './error-details.js';
import { serve } from './server.js';

const { CHANGE_TYPE_ADDED, CHANGE_TYPE_REMOVED } = ChangeType;

/** Large enough that few of them fill what a stream may have unread. */
const ballast = (revision: number) => String(revision).padEnd(50_000, '.');

describe('a watcher that does not read in time', () => {
  test('gets states coalesced, and ends true', async (t) => {
    const server = await serve(t);
    server.store.apply(observed(1_000, [binding(1)]));
    const watch = server.watch();
    await watch.reached(1);
    // All at once: nothing is read in between.
    for (let revision = 2; revision <= 101; revision++) {
      const device = { alias: ballast(revision) };
      server.store.apply(observed(revision * 1_000, [binding(1, { device })]));
    }
    await watch.reached(101);
    const counts = watch.changes.map(({ coalesced }) => coalesced).slice(1);
    assert.ok(counts.length < 50, `${counts.length} messages`);
    assert.equal(
      counts.reduce((sum, count) => sum + count, 0),
      100,
    );
    const { bindings } = await server.list();
    assert.deepEqual([...watch.replay.bindings.values()], bindings);
  });

  test('is told of moves through names that it never heard of as one move', async (t) => {
    const server = await serve(t, { limits: { unreadBytes: 1 } });
    server.store.apply(observed(1_000, [binding(5, { in: 1, holders: [holder(7)] })]));
    const watch = server.watch();
    await watch.reached(1);
    // Only the first of these is written at once.
    const filler = (revision: number) => binding(99, { device: { mtu: revision } });
    for (const [revision, namespace] of [
      [2, 1],
      [3, 2],
      [4, 3],
      [5, 4],
    ] as const) {
      const moving = binding(5, { in: namespace, holders: [holder(7)] });
      server.store.apply(observed(revision * 1_000, [filler(revision), moving]));
    }
    await watch.reached(5);
    assert.deepEqual(
      watch
        .changesOf(5)
        .filter(({ binding: told }) => told?.device?.ifindex === 5)
        .map(({ type, binding: told, movedFrom }) => [type, told?.name, movedFrom]),
      [
        [CHANGE_TYPE_REMOVED, 'netns/1/devices/5', ''],
        [CHANGE_TYPE_ADDED, 'netns/4/devices/5', 'netns/1/devices/5'],
      ],
    );
  });

  test('leaves the others unaffected', async (t) => {
    const server = await serve(t);
    server.store.apply(observed(1_000, [binding(1)]));
    const stopped = server.watch();
    const reading = server.watch();
    await Promise.all([stopped.reached(1), reading.reached(1)]);
    stopped.pause();
    for (let revision = 2; revision <= 60; revision++) {
      const device = { alias: ballast(revision) };
      server.store.apply(observed(revision * 1_000, [binding(1, { device })]));
      await reading.reached(revision);
    }
    assert.ok(stopped.replay.revision < 60);
    stopped.resume();
    await stopped.reached(60);
    assert.deepEqual(stopped.replay.bindings, reading.replay.bindings);
  });

  test('gets what is pending when the server drains, once it reads', async (t) => {
    const server = await serve(t);
    server.store.apply(observed(1_000, [binding(1)]));
    const watch = server.watch();
    await watch.reached(1);
    watch.pause();
    for (let revision = 2; revision <= 60; revision++) {
      const device = { alias: ballast(revision) };
      server.store.apply(observed(revision * 1_000, [binding(1, { device })]));
    }
    server.draining.abort();
    watch.resume();
    assert.equal((await watch.status).code, Code.OK);
    assert.equal(watch.replay.revision, 60);
  });

  test('at all is ended with ABORTED, and can resume from what it has', async (t) => {
    const server = await serve(t, { limits: { stallMs: 100 } });
    server.store.apply(observed(1_000, [binding(1)]));
    const watch = server.watch();
    await watch.reached(1);
    watch.pause();
    let revision = 1;
    await until('the watcher is ended', () => {
      if (server.store.subscribers === 0) return true;
      const device = { alias: ballast(++revision) };
      server.store.apply(observed(revision * 1_000, [binding(1, { device })]));
      return false;
    });
    watch.resume();
    const ended = await watch.status;
    assert.equal(ended.code, Code.ABORTED);
    assert.match(ended.details, /did not read for 0\.1 s/);
    assert.equal(errorDetails(ended).reason, 'NOT_READING');

    const resumed = server.watch({ resumeToken: watch.lastToken });
    for (const [name, known] of watch.replay.bindings) resumed.replay.bindings.set(name, known);
    await resumed.reached(revision);
    const { bindings } = await server.list();
    assert.deepEqual([...resumed.replay.bindings.values()], bindings);
  });
});
