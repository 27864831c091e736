import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import {
  listTapBindings,
  SnapshotReason,
  Verdict,
  View,
  watchTapBindings,
} from '../../src/client/index.js';
import { BindingStore } from '../../src/store/binding-store.js';
import { serve } from '../api/server.js';
import { binding, coverage, holder, observed } from '../store/observations.js';
import { until } from '../stage/until.js';
import { next, words } from './events.js';
import { Line } from './line.js';

const FAST = { first: 1, most: 4 };

describe('a watch', () => {
  test('tells all there is, then what differs, with a live map of the bindings', async (t) => {
    const server = await serve(t);
    server.store.apply(observed(1_000, [binding(1), binding(2)]));
    await using watch = watchTapBindings({ address: server.address });
    const snapshot = await next(watch, 'snapshot');
    assert.equal(snapshot.reason, SnapshotReason.SNAPSHOT_REASON_INITIAL);
    assert.deepEqual(words(snapshot.changes), [
      'added netns/1/devices/1',
      'added netns/1/devices/2',
    ]);
    assert.equal(snapshot.coverage?.processesSeen, 10);
    assert.equal(snapshot.observeTime?.getTime(), 1_000);
    assert.equal(snapshot.revision, 1n);

    server.store.apply(observed(2_000, [binding(1, { holders: [holder(7)] }), binding(3)]));
    const { changes, bindings } = await next(watch, 'changes');
    assert.deepEqual(words(changes), [
      'removed netns/1/devices/2',
      'modified netns/1/devices/1',
      'added netns/1/devices/3',
    ]);
    const modified = changes.find(({ kind }) => kind === 'modified');
    assert.ok(modified?.kind === 'modified');
    assert.ok(modified.changedFields?.includes('holders'));
    assert.equal(modified.before.verdict, Verdict.VERDICT_UNHELD);
    assert.equal(modified.after.verdict, Verdict.VERDICT_HELD);
    assert.equal(bindings, snapshot.bindings, 'it is one map');
    assert.equal(bindings, watch.bindings);
    const list = await listTapBindings({ address: server.address });
    assert.deepEqual([...bindings.values()], list.bindings);
  });

  test('tells a device that moved to another namespace as one change', async (t) => {
    const server = await serve(t);
    const holders = [holder(7)];
    server.store.apply(observed(1_000, [binding(1, { holders })]));
    await using watch = watchTapBindings({ address: server.address });
    await next(watch, 'snapshot');
    server.store.apply(observed(2_000, [binding(5, { in: 2, holders })]));
    const { changes } = await next(watch, 'changes');
    assert.deepEqual(words(changes), ['moved netns/1/devices/1 -> netns/2/devices/5']);
  });

  test('tells what could not be seen when that changes, and progress when nothing does', async (t) => {
    const server = await serve(t);
    server.store.apply(observed(1_000, []));
    await using watch = watchTapBindings({ address: server.address, progressInterval: 100 });
    await next(watch, 'snapshot');
    await next(watch, 'progress');
    server.store.apply(observed(2_000, [], { coverage: coverage({ netnsDenied: 1 }) }));
    assert.equal((await next(watch, 'coverage')).coverage.netnsDenied, 1);
  });

  test('has what its filter and its view show', async (t) => {
    const server = await serve(t);
    server.store.apply(observed(1_000, [binding(1, { holders: [holder(7)] }), binding(2)]));
    await using watch = watchTapBindings({
      address: server.address,
      filter: { deviceName: 'tap[13]', netnsCookie: 1n },
      view: View.VIEW_FULL,
    });
    const { bindings } = await next(watch, 'snapshot');
    const commands = [...bindings.values()].map(({ holders }) => holders[0]?.process?.commandLine);
    assert.deepEqual(commands, [['holder', '--pid', '7']]);
  });
});

describe('a watch that loses its server', () => {
  test('resumes where it was: what was missed follows, each revision on its own', async (t) => {
    const server = await serve(t);
    const line = await Line.to(t, server.address);
    server.store.apply(observed(1_000, [binding(1)]));
    await using watch = watchTapBindings({ address: line.address, backoff: FAST });
    await next(watch, 'snapshot');
    line.leadTo(null);
    line.cut();
    const { error } = await next(watch, 'disconnected');
    assert.equal(error?.code, 'UNAVAILABLE');
    server.store.apply(observed(2_000, [binding(1), binding(2)]));
    server.store.apply(observed(3_000, [binding(2)]));
    line.leadTo(server.address);
    await next(watch, 'connected');
    assert.deepEqual(words((await next(watch, 'changes')).changes), ['added netns/1/devices/2']);
    assert.deepEqual(words((await next(watch, 'changes')).changes), ['removed netns/1/devices/1']);
  });

  test('gets a snapshot of a new epoch, and tells what differs from before', async (t) => {
    const server = await serve(t);
    const line = await Line.to(t, server.address);
    server.store.apply(observed(1_000, [binding(1), binding(2), binding(3)]));
    await using watch = watchTapBindings({ address: line.address, backoff: FAST });
    const { epoch } = await next(watch, 'snapshot');
    const restarted = await serve(t);
    // What is the same in all, `first_seen` too, is no change.
    restarted.store.apply(observed(1_000, [binding(1), binding(3, { device: { mtu: 9 } })]));
    line.leadTo(restarted.address);
    line.cut();
    await next(watch, 'disconnected');
    await next(watch, 'connected');
    const snapshot = await next(watch, 'snapshot');
    assert.equal(snapshot.reason, SnapshotReason.SNAPSHOT_REASON_EPOCH_CHANGED);
    assert.notEqual(snapshot.epoch, epoch);
    assert.deepEqual(words(snapshot.changes), [
      'removed netns/1/devices/2',
      'modified netns/1/devices/3',
    ]);
    assert.deepEqual([...watch.bindings.keys()], ['netns/1/devices/1', 'netns/1/devices/3']);
  });

  test('gets a snapshot when the server does not remember far enough', async (t) => {
    const store = new BindingStore({ journalChanges: 1 });
    const server = await serve(t, { store });
    const line = await Line.to(t, server.address);
    store.apply(observed(1_000, []));
    await using watch = watchTapBindings({ address: line.address, backoff: FAST });
    await next(watch, 'snapshot');
    line.leadTo(null);
    line.cut();
    await next(watch, 'disconnected');
    for (const index of [1, 2, 3]) store.apply(observed(1_000 + index, [binding(index)]));
    line.leadTo(server.address);
    await next(watch, 'connected');
    const { reason } = await next(watch, 'snapshot');
    assert.equal(reason, SnapshotReason.SNAPSHOT_REASON_JOURNAL_EXCEEDED);
  });

  test('is told when the server drains, and goes on with the next one', async (t) => {
    const server = await serve(t);
    const line = await Line.to(t, server.address);
    server.store.apply(observed(1_000, [binding(1)]));
    await using watch = watchTapBindings({ address: line.address, backoff: FAST });
    await next(watch, 'snapshot');
    const restarted = await serve(t);
    restarted.store.apply(observed(1_000, [binding(1)]));
    line.leadTo(restarted.address);
    server.draining.abort();
    assert.equal((await next(watch, 'disconnected')).error, null);
    await next(watch, 'connected');
    assert.deepEqual((await next(watch, 'snapshot')).changes, []);
  });

  test('waits for a server that is not there yet, and for one that is starting', async (t) => {
    const line = await Line.to(t, null);
    await using watch = watchTapBindings({ address: line.address, backoff: FAST });
    const { error } = await next(watch, 'disconnected');
    assert.equal(error?.code, 'UNAVAILABLE');
    const server = await serve(t);
    line.leadTo(server.address);
    const connected = next(watch, 'connected');
    const { connections } = line;
    await until('it has been told to wait', () => line.connections > connections);
    server.store.apply(observed(1_000, [binding(1)]));
    await connected;
    await next(watch, 'snapshot');
  });
});

describe('a watch may begin where something else ended', () => {
  test('after a list', async (t) => {
    const server = await serve(t);
    server.store.apply(observed(1_000, [binding(1), binding(2)]));
    const { bindings, summary } = await listTapBindings({ address: server.address });
    server.store.apply(observed(2_000, [binding(1)]));
    const resume = { bindings, resumeToken: summary.resumeToken };
    await using watch = watchTapBindings({ address: server.address, resume });
    const { revision } = await next(watch, 'progress');
    assert.deepEqual([revision, [...watch.bindings.values()]], [1n, bindings]);
    assert.deepEqual(words((await next(watch, 'changes')).changes), ['removed netns/1/devices/2']);
  });

  test('after another watch, also when the server was restarted meanwhile', async (t) => {
    const server = await serve(t);
    server.store.apply(observed(1_000, [binding(1), binding(2)]));
    const first = watchTapBindings({ address: server.address });
    const { resumeToken } = await next(first, 'snapshot');
    await first.return();
    const restarted = await serve(t);
    restarted.store.apply(observed(1_000, [binding(1)]));
    const resume = { resumeToken, bindings: first.bindings.values() };
    await using watch = watchTapBindings({ address: restarted.address, resume });
    const { changes, reason } = await next(watch, 'snapshot');
    assert.equal(reason, SnapshotReason.SNAPSHOT_REASON_EPOCH_CHANGED);
    assert.deepEqual(words(changes), ['removed netns/1/devices/2']);
  });
});
