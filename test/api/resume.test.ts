import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { ChangeType, SnapshotReason } from '../../src/gen/tapmap/v1/tap_binding_service.js';
import { encodeResumeToken } from '../../src/api/resume-token.js';
import { BindingStore } from '../../src/store/binding-store.js';
import { binding, coverage, observed } from '../store/observations.js';
import { serve } from './server.js';

describe('a watch that resumes', () => {
  test('begins with progress at its token, then has each missed revision as a batch', async (t) => {
    const server = await serve(t);
    server.store.apply(observed(1_000, [binding(1)]));
    const first = server.watch();
    await first.reached(1);
    await first.cancel();
    server.store.apply(observed(1_500, [binding(1)]));
    server.store.apply(observed(2_000, [binding(1), binding(2)]));
    server.store.apply(observed(3_000, [binding(2)]));

    const second = server.watch({ resumeToken: first.lastToken });
    for (const [name, known] of first.replay.bindings) second.replay.bindings.set(name, known);
    await second.reached(3);
    assert.deepEqual(
      second.messages.map(({ revision, event, observeTime }) => [
        Number(revision),
        event?.$case,
        observeTime?.getTime(),
      ]),
      [
        [1, 'progress', 1_500],
        [2, 'changes', 2_000],
        [3, 'changes', 3_000],
      ],
    );
    const { bindings } = await server.list();
    assert.deepEqual([...second.replay.bindings.values()], bindings);
  });

  test('misses nothing when the store moves on while it catches up', async (t) => {
    const server = await serve(t);
    server.store.apply(observed(1_000, []));
    const { summary } = await server.list();
    server.store.apply(observed(2_000, [binding(1)]));
    const watch = server.watch({ resumeToken: summary.resumeToken });
    await watch.messageCount(1);
    server.store.apply(observed(3_000, [binding(1), binding(2)]));
    await watch.reached(3);
    assert.deepEqual(
      watch.changes.map(({ binding: told }) => told?.name),
      ['netns/1/devices/1', 'netns/1/devices/2'],
    );
  });

  test('from the token of a list goes on after that list', async (t) => {
    const server = await serve(t);
    server.store.apply(observed(1_000, [binding(1)]));
    const { bindings, summary } = await server.list();
    const watch = server.watch({ resumeToken: summary.resumeToken });
    await watch.messageCount(1);
    assert.deepEqual(watch.cases, ['progress']);
    assert.equal(watch.messages[0]?.revision, 1n);
    for (const listed of bindings) watch.replay.bindings.set(listed.name, listed);
    server.store.apply(observed(2_000, []));
    await watch.messageCount(2);
    assert.equal(watch.changes[0]?.type, ChangeType.CHANGE_TYPE_REMOVED);
  });

  test('is told the coverage when it changed since, though no revision did', async (t) => {
    const server = await serve(t);
    server.store.apply(observed(1_000, []));
    const { summary } = await server.list();
    server.store.apply(observed(2_000, [], { coverage: coverage({ unattachedFds: 3 }) }));
    const watch = server.watch({ resumeToken: summary.resumeToken });
    await watch.messageCount(2);
    assert.deepEqual(watch.cases, ['progress', 'coverage']);
    assert.equal(watch.replay.coverage?.unattachedFds, 3);
    const again = server.watch({ resumeToken: watch.lastToken, updatesOnly: true });
    await again.messageCount(1);
    server.store.apply(observed(3_000, [binding(1)], { coverage: server.store.coverage }));
    await again.messageCount(2);
    assert.deepEqual(again.cases, ['progress', 'changes']);
  });

  test('beyond the journal gets a snapshot that says so', async (t) => {
    const server = await serve(t, { store: new BindingStore({ journalChanges: 2 }) });
    server.store.apply(observed(1_000, []));
    const { summary } = await server.list();
    server.store.apply(observed(2_000, [binding(1), binding(2), binding(3)]));
    const watch = server.watch({ resumeToken: summary.resumeToken });
    await watch.reached(2);
    assert.equal(
      watch.events('snapshotBegin')[0]?.reason,
      SnapshotReason.SNAPSHOT_REASON_JOURNAL_EXCEEDED,
    );
    assert.equal(watch.replay.bindings.size, 3);
  });

  test('from another life of the server gets a snapshot that says so, even for updates only', async (t) => {
    const server = await serve(t);
    server.store.apply(observed(1_000, [binding(1)]));
    const resumeToken = encodeResumeToken({
      epoch: new BindingStore().epoch,
      revision: 1,
      coverageRevision: 1,
      redacted: false,
    });
    const watch = server.watch({ resumeToken, updatesOnly: true });
    await watch.reached(1);
    assert.equal(
      watch.events('snapshotBegin')[0]?.reason,
      SnapshotReason.SNAPSHOT_REASON_EPOCH_CHANGED,
    );
    assert.equal(watch.replay.bindings.size, 1);
  });
});
