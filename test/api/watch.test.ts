import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { ChangeType, SnapshotReason, View } from '../../src/gen/tapmap/v1/tap_binding_service.js';
import { binding, coverage, holder, observed, statistics } from '../store/observations.js';
import { until } from '../stage/until.js';
import { serve } from './server.js';

const { CHANGE_TYPE_ADDED, CHANGE_TYPE_MODIFIED, CHANGE_TYPE_REMOVED } = ChangeType;

describe('the snapshot of a watch', () => {
  test('is begin, bindings, coverage and end, of which only the end can be resumed from', async (t) => {
    const server = await serve(t);
    server.store.apply(observed(1_000, [binding(1), binding(2)]));
    const watch = server.watch();
    await watch.messageCount(4);
    assert.deepEqual(watch.cases, ['snapshotBegin', 'changes', 'coverage', 'snapshotEnd']);
    assert.equal(watch.events('snapshotBegin')[0]?.reason, SnapshotReason.SNAPSHOT_REASON_INITIAL);
    assert.deepEqual(
      watch.messages.map(({ resumeToken }) => resumeToken !== ''),
      [false, false, false, true],
    );
    for (const { epoch, revision, observeTime } of watch.messages) {
      assert.equal(epoch, server.store.epoch);
      assert.equal(revision, 1n);
      assert.equal(observeTime?.getTime(), 1_000);
    }
    for (const change of watch.changes) {
      assert.equal(change.type, CHANGE_TYPE_ADDED);
      assert.equal(change.coalesced, 1);
      assert.equal(change.changedFields, undefined);
      assert.equal(change.movedFrom, '');
    }
  });

  test('of a host without devices has no changes', async (t) => {
    const server = await serve(t);
    server.store.apply(observed(1_000, []));
    const watch = server.watch();
    await watch.messageCount(3);
    assert.deepEqual(watch.cases, ['snapshotBegin', 'coverage', 'snapshotEnd']);
  });

  test('of many bindings comes in several messages, all but the last of which say that more follow', async (t) => {
    const server = await serve(t);
    const bindings = Array.from({ length: 1_001 }, (_, index) => binding(index + 1));
    server.store.apply(observed(1_000, bindings));
    const watch = server.watch();
    await watch.reached(1);
    const batches = watch.events('changes');
    assert.ok(batches.length >= 3);
    assert.deepEqual(
      batches.map(({ more }) => more),
      batches.map((_, index) => index < batches.length - 1),
    );
    assert.equal(watch.replay.bindings.size, 1_001);
    const { bindings: listed } = await server.list();
    assert.deepEqual([...watch.replay.bindings.values()], listed);
  });
});

describe('the changes of a watch', () => {
  test('are one batch an observation, with what changed in what is modified', async (t) => {
    const server = await serve(t);
    server.store.apply(observed(1_000, [binding(1), binding(2)]));
    const watch = server.watch();
    await watch.reached(1);
    const renamed = binding(1, { device: { name: 'renamed', up: false } });
    server.store.apply(observed(2_000, [renamed, binding(3)]));
    await watch.reached(2);
    assert.deepEqual(
      watch
        .changesOf(2)
        .map(({ type, binding: told, changedFields, coalesced }) => [
          type,
          told?.device?.name,
          changedFields,
          coalesced,
        ]),
      [
        [CHANGE_TYPE_MODIFIED, 'renamed', ['device.name', 'device.up', 'last_changed'], 1],
        [CHANGE_TYPE_REMOVED, 'tap2', undefined, 1],
        [CHANGE_TYPE_ADDED, 'tap3', undefined, 1],
      ],
    );
    assert.equal(watch.messages.at(-1)?.observeTime?.getTime(), 2_000);
    assert.notEqual(watch.messages.at(-1)?.resumeToken, '');
  });

  test('that do not fit into one message are still one batch', async (t) => {
    const server = await serve(t, { limits: { messageBindings: 2 } });
    server.store.apply(observed(1_000, []));
    const watch = server.watch();
    await watch.reached(1);
    server.store.apply(
      observed(
        2_000,
        [1, 2, 3, 4, 5].map((ifindex) => binding(ifindex)),
      ),
    );
    await watch.reached(2);
    const batch = watch.messages.filter(({ revision }) => revision === 2n);
    assert.deepEqual(
      batch.map(({ event, resumeToken }) => [
        event?.$case === 'changes' && event.value.changes.length,
        event?.$case === 'changes' && event.value.more,
        resumeToken === '',
      ]),
      [
        [2, true, true],
        [2, true, true],
        [1, false, false],
      ],
    );
  });

  test('replay to what List says after each revision', async (t) => {
    const server = await serve(t);
    server.store.apply(observed(1_000, [binding(1)]));
    const watch = server.watch({ view: View.VIEW_FULL });
    const states = [
      [binding(1), binding(2, { holders: [holder(7)] })],
      [binding(1, { device: { statistics: statistics(3) } }), binding(2)],
      [binding(2, { device: { mtu: 9000 } })],
      [],
    ];
    let revision = 1;
    for (const state of states) {
      await watch.reached(revision);
      server.store.apply(observed(1_000 + ++revision, state));
      await watch.reached(revision);
      const { bindings, summary } = await server.list({ view: View.VIEW_FULL });
      assert.equal(summary.revision, BigInt(revision));
      const replayed = [...watch.replay.bindings.values()];
      assert.deepEqual(
        replayed.sort((a, b) => (a.name < b.name ? -1 : 1)),
        bindings,
      );
    }
  });

  test('show a move as removed and added in one batch, with the name it was moved from', async (t) => {
    const server = await serve(t);
    server.store.apply(observed(1_000, [binding(5, { in: 1, holders: [holder(7)] })]));
    const watch = server.watch();
    await watch.reached(1);
    server.store.apply(observed(2_000, [binding(9, { in: 2, holders: [holder(7)] })]));
    await watch.reached(2);
    assert.deepEqual(
      watch.changesOf(2).map(({ type, binding: told, movedFrom }) => [type, told?.name, movedFrom]),
      [
        [CHANGE_TYPE_REMOVED, 'netns/1/devices/5', ''],
        [CHANGE_TYPE_ADDED, 'netns/2/devices/9', 'netns/1/devices/5'],
      ],
    );
  });

  test('do not name where a device was moved from to a watcher that could not see it there', async (t) => {
    const server = await serve(t);
    server.store.apply(observed(1_000, [binding(5, { in: 1, holders: [holder(7)] })]));
    const watch = server.watch({ filter: [{ netnsCookie: 2n }] });
    await watch.reached(1);
    server.store.apply(observed(2_000, [binding(5, { in: 2, holders: [holder(7)] })]));
    await watch.reached(2);
    assert.deepEqual(
      watch.changesOf(2).map(({ type, movedFrom }) => [type, movedFrom]),
      [[CHANGE_TYPE_ADDED, '']],
    );
  });

  test('add what comes to match the filter and remove what no longer does, as it was last seen', async (t) => {
    const server = await serve(t);
    server.store.apply(observed(1_000, [binding(1), binding(2)]));
    const watch = server.watch({ filter: [{ pid: 7 }] });
    await watch.reached(1);
    assert.equal(watch.replay.bindings.size, 0);

    server.store.apply(observed(2_000, [binding(1, { holders: [holder(7)] }), binding(2)]));
    await watch.reached(2);
    assert.deepEqual(
      watch.changesOf(2).map(({ type, binding: told }) => [type, told?.name]),
      [[CHANGE_TYPE_ADDED, 'netns/1/devices/1']],
    );
    server.store.apply(observed(3_000, [binding(1), binding(2)]));
    await watch.reached(3);
    const [left] = watch.changesOf(3);
    assert.equal(left?.type, CHANGE_TYPE_REMOVED);
    assert.equal(left.binding?.holders[0]?.process?.pid, 7);
    assert.equal(left.binding.lastHolder, undefined);
  });

  test('of traffic counters are seen in the full view alone', async (t) => {
    const server = await serve(t);
    server.store.apply(observed(1_000, [binding(1)]));
    const basic = server.watch({ view: View.VIEW_BASIC });
    const full = server.watch({ view: View.VIEW_FULL });
    await Promise.all([basic.reached(1), full.reached(1)]);
    const device = { statistics: statistics(5) };
    server.store.apply(observed(2_000, [binding(1, { device })]));
    await full.reached(2);
    server.store.apply(observed(3_000, [binding(1, { device: { ...device, mtu: 9000 } })]));
    await Promise.all([basic.reached(3), full.reached(3)]);
    assert.deepEqual(basic.changesOf(2), []);
    assert.deepEqual(basic.changesOf(3)[0]?.changedFields, ['device.mtu', 'last_changed']);
    assert.deepEqual(full.changesOf(2)[0]?.changedFields, [
      'device.statistics.rx_packets',
      'device.statistics.rx_bytes',
    ]);
    assert.equal(basic.changesOf(3)[0]?.coalesced, 1);
  });

  test('of a command line show in the basic view as the time of the change, as List has it', async (t) => {
    const server = await serve(t);
    server.store.apply(observed(1_000, [binding(1, { holders: [holder(7)] })]));
    const watch = server.watch();
    await watch.reached(1);
    const process = { commandLine: ['other'] };
    server.store.apply(observed(2_000, [binding(1, { holders: [holder(7, { process })] })]));
    await watch.reached(2);
    assert.deepEqual(watch.changesOf(2)[0]?.changedFields, ['last_changed']);
  });
});

describe('coverage in a watch', () => {
  test('is told when it changes, and not when only figures of the scan do', async (t) => {
    const server = await serve(t);
    server.store.apply(observed(1_000, []));
    const watch = server.watch();
    await watch.reached(1);
    server.store.apply(observed(2_000, [], { coverage: coverage({ processesSeen: 99 }) }));
    server.store.apply(observed(3_000, [], { coverage: coverage({ unattachedFds: 1 }) }));
    await watch.messageCount(4);
    assert.deepEqual(watch.cases.slice(3), ['coverage']);
    assert.equal(watch.replay.coverage?.unattachedFds, 1);
    assert.equal(watch.messages.at(-1)?.revision, 1n);
  });

  test('comes after the changes of its observation', async (t) => {
    const server = await serve(t);
    server.store.apply(observed(1_000, []));
    const watch = server.watch();
    await watch.reached(1);
    const changed = coverage({ unattachedFds: 1 });
    server.store.apply(observed(2_000, [binding(1)], { coverage: changed }));
    await watch.messageCount(5);
    assert.deepEqual(watch.cases.slice(3), ['changes', 'coverage']);
  });

  test('says that the view is stale, and since when', async (t) => {
    const server = await serve(t);
    server.store.apply(observed(1_000, []));
    const watch = server.watch();
    await watch.reached(1);
    server.store.markStale('the probe ended');
    await watch.messageCount(4);
    assert.equal(watch.replay.coverage?.stale?.reason, 'the probe ended');
    server.store.apply(observed(2_000, []));
    await watch.messageCount(5);
    assert.equal(watch.replay.coverage.stale, undefined);
  });
});

describe('progress in a watch', () => {
  test('comes when the stream was silent so long, at the current revision', async (t) => {
    const server = await serve(t);
    server.store.apply(observed(1_000, [binding(1)]));
    const watch = server.watch({ progressInterval: { seconds: 0n, nanos: 100_000_000 } });
    await watch.reached(1);
    server.store.apply(observed(2_000, [binding(1, { device: { statistics: statistics(1) } })]));
    await watch.messageCount(6);
    assert.deepEqual(watch.cases.slice(4), ['progress', 'progress']);
    assert.deepEqual(watch.changesOf(2), []);
    assert.equal(watch.messages.at(-1)?.revision, 2n);
    assert.notEqual(watch.messages.at(-1)?.resumeToken, '');
  });
});

describe('a stream of updates only', () => {
  test('begins with progress at the current revision and goes on with changes', async (t) => {
    const server = await serve(t);
    server.store.apply(observed(1_000, [binding(1)]));
    const watch = server.watch({ updatesOnly: true });
    watch.replay.strict = false;
    await watch.messageCount(1);
    server.store.apply(observed(2_000, [binding(1, { device: { mtu: 9000 } })]));
    await watch.messageCount(2);
    assert.deepEqual(watch.cases, ['progress', 'changes']);
    assert.equal(watch.messages[0]?.revision, 1n);
    assert.notEqual(watch.messages[0].resumeToken, '');
    assert.equal(watch.changes[0]?.type, CHANGE_TYPE_MODIFIED);
  });
});

describe('the end of a watch', () => {
  test('by the client leaves no subscription', async (t) => {
    const server = await serve(t);
    server.store.apply(observed(1_000, [binding(1)]));
    const watch = server.watch();
    await watch.reached(1);
    assert.equal(server.store.subscribers, 1);
    await watch.cancel();
    await until('the subscription is gone', () => server.store.subscribers === 0);
  });

  test('by the loss of the connection leaves no subscription', async (t) => {
    const server = await serve(t);
    server.store.apply(observed(1_000, [binding(1)]));
    const client = server.client();
    const watch = server.watch({}, client);
    await watch.reached(1);
    client.close();
    await watch.cancel();
    await until('the subscription is gone', () => server.store.subscribers === 0);
  });

  test('by draining is status OK, after what was pending', async (t) => {
    const server = await serve(t);
    server.store.apply(observed(1_000, []));
    const watch = server.watch();
    await watch.reached(1);
    server.store.apply(observed(2_000, [binding(1)]));
    server.draining.abort();
    const { code } = await watch.status;
    assert.equal(code, 0);
    assert.equal(watch.replay.revision, 2);
    assert.equal(server.store.subscribers, 0);
  });
});
