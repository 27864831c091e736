import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { Device } from '../../src/model/device.js';
import type { StoreEvent } from '../../src/store/binding-store.js';
import { BindingStore } from '../../src/store/binding-store.js';
import { StoreError } from '../../src/store/error.js';
import { binding, coverage, holder, observed, statistics } from './observations.js';

function storeOf(...observations: Parameters<typeof observed>[]): BindingStore {
  const store = new BindingStore();
  for (const observation of observations) store.apply(observed(...observation));
  return store;
}

function record(store: BindingStore, name: string) {
  const found = store.snapshot().records.find((each) => each.name === name);
  assert.ok(found, `there is no ${name}`);
  return found;
}

describe('revisions', () => {
  test('nothing observed yet is revision 0, and no snapshot is to be had', () => {
    const store = new BindingStore();
    assert.equal(store.ready, false);
    assert.equal(store.revision, 0);
    assert.throws(() => store.snapshot(), { name: 'StoreError', code: 'NOT_READY' });
  });

  test('the first observation is revision 1 even if it found nothing', () => {
    const store = storeOf([1_000, []]);
    assert.equal(store.ready, true);
    assert.equal(store.revision, 1);
    assert.deepEqual(store.snapshot().records, []);
  });

  test('an observation in which nothing differs makes no revision and keeps the records', () => {
    const store = storeOf([1_000, [binding(1, { holders: [holder(7)] })]]);
    const [before] = store.snapshot().records;
    assert.equal(store.apply(observed(2_000, [binding(1, { holders: [holder(7)] })])), null);
    assert.equal(store.revision, 1);
    assert.equal(store.observedAt, 2_000);
    assert.equal(store.snapshot().records[0], before);
  });

  test('all differences of one observation are one batch, ordered by name', () => {
    const store = storeOf([1_000, [binding(1), binding(2), binding(3)]]);
    const batch = store.apply(
      observed(2_000, [binding(4), binding(3), binding(1, { device: { mtu: 9000 } })]),
    );
    assert.equal(batch?.revision, 2);
    assert.deepEqual(
      batch.changes.map(({ name, before, after }) => [name, before !== null, after !== null]),
      [
        ['netns/1/devices/1', true, true],
        ['netns/1/devices/2', true, false],
        ['netns/1/devices/4', false, true],
      ],
    );
  });

  test('a partial observation touches only what it names', () => {
    const store = storeOf([1_000, [binding(1), binding(2), binding(3)]]);
    const partial = { full: false, gone: ['netns/1/devices/2', 'netns/9/devices/9'] };
    store.apply(observed(2_000, [binding(3, { device: { up: false } })], partial));
    const { records } = store.snapshot();
    assert.deepEqual(
      records.map(({ device }) => [device.ifindex, device.up]),
      [
        [1, true],
        [3, false],
      ],
    );
  });

  test('a partial observation before any full one is refused', () => {
    const store = new BindingStore();
    assert.throws(
      () => store.apply(observed(1_000, [binding(1)], { full: false })),
      (error) => error instanceof StoreError && error.code === 'NO_BASE',
    );
    assert.equal(store.ready, false);
  });

  test('two stores have different epochs', () => {
    assert.notEqual(new BindingStore().epoch, new BindingStore().epoch);
  });
});

describe('records', () => {
  test('first_seen stays, last_changed moves with each difference', () => {
    const store = storeOf([1_000, [binding(1)]], [2_000, [binding(1, { device: { mtu: 9000 } })]]);
    const { firstSeen, lastChanged } = record(store, 'netns/1/devices/1');
    assert.deepEqual([firstSeen, lastChanged], [1_000, 2_000]);
  });

  test('traffic counters make a revision but are no change of the binding', () => {
    const store = storeOf([1_000, [binding(1)]]);
    const batch = store.apply(
      observed(2_000, [binding(1, { device: { statistics: statistics(5) } })]),
    );
    assert.equal(batch?.changes[0]?.countersOnly, true);
    const { lastChanged, device } = record(store, 'netns/1/devices/1');
    assert.equal(lastChanged, 1_000);
    assert.equal(device.statistics?.rxPackets, 5);
  });

  test('counters that differ together with something else are an ordinary change', () => {
    const store = storeOf([1_000, [binding(1)]]);
    const device = { statistics: statistics(5), up: false };
    const batch = store.apply(observed(2_000, [binding(1, { device })]));
    assert.equal(batch?.changes[0]?.countersOnly, false);
    assert.equal(record(store, 'netns/1/devices/1').lastChanged, 2_000);
  });

  test('the last holder is told, with when it was last seen, until there is another', () => {
    const held = binding(1, { holders: [holder(7), holder(8)] });
    const store = storeOf([1_000, [held]], [2_000, [held]], [3_000, [binding(1)]]);
    const { lastHolder } = record(store, 'netns/1/devices/1');
    assert.equal(lastHolder?.process.pid, 7);
    assert.equal(lastHolder.lastSeen, 2_000);

    store.apply(observed(4_000, [binding(1, { device: { up: false } })]));
    assert.equal(record(store, 'netns/1/devices/1').lastHolder?.lastSeen, 2_000);

    store.apply(observed(5_000, [binding(1, { holders: [holder(9)] })]));
    assert.equal(record(store, 'netns/1/devices/1').lastHolder, null);
  });

  for (const [what, first, second] of [
    ['kind', { kind: 'TUN' }, { kind: 'TAP' }],
    ['number of queues', { multiQueue: false }, { multiQueue: true }],
    ['hardware address', {}, { hardwareAddress: '02:00:00:00:00:99' }],
    ['name, of a TUN device', { kind: 'TUN', name: 'tun0' }, { kind: 'TUN', name: 'tun1' }],
    ['traffic, which fell', { statistics: statistics(5) }, { statistics: statistics(4) }],
  ] satisfies [string, Partial<Device>, Partial<Device>][]) {
    test(`a device with the ifindex of an earlier one begins its life: another ${what}`, () => {
      const held = binding(1, { device: first, holders: [holder(7)] });
      const store = storeOf([1_000, [held]]);
      store.apply(observed(2_000, [binding(1, { device: second })]));
      const { firstSeen, lastChanged, lastHolder } = record(store, 'netns/1/devices/1');
      assert.deepEqual([firstSeen, lastChanged, lastHolder], [2_000, 2_000, null]);
    });
  }

  for (const [what, first, second] of [
    ['a TAP device that is renamed', { name: 'tap0' }, { name: 'tap1' }],
    ['a device whose traffic is not told', { statistics: statistics(5) }, { statistics: null }],
  ] satisfies [string, Partial<Device>, Partial<Device>][]) {
    test(`${what} keeps its life`, () => {
      const held = binding(1, { device: first, holders: [holder(7)] });
      const store = storeOf([1_000, [held]]);
      store.apply(observed(2_000, [binding(1, { device: second })]));
      const { firstSeen, lastHolder } = record(store, 'netns/1/devices/1');
      assert.deepEqual([firstSeen, lastHolder?.process.pid], [1_000, 7]);
    });
  }

  test('a snapshot does not change when the store moves on', () => {
    const store = storeOf([1_000, [binding(1)]]);
    const snapshot = store.snapshot();
    const before = structuredClone(snapshot);
    store.apply(observed(2_000, [binding(2)]));
    assert.deepEqual(snapshot, before);
    assert.equal(store.snapshot().revision, 2);
  });

  test('records are sorted by name, whatever came and went', () => {
    const store = storeOf(
      [1_000, [binding(3), binding(10), binding(2)]],
      [2_000, [binding(3), binding(1), binding(2)]],
      [3_000, [binding(3, { device: { up: false } }), binding(1), binding(2)]],
    );
    const names = store.snapshot().records.map(({ name }) => name);
    assert.deepEqual(names, [...names].sort());
    assert.equal(record(store, 'netns/1/devices/3').device.up, false);
  });
});

describe('moves', () => {
  const moved = (
    from: ReturnType<typeof binding>,
    to: ReturnType<typeof binding>,
  ): string | null | undefined => {
    const store = storeOf([1_000, [from]]);
    const batch = store.apply(observed(2_000, [to]));
    return batch?.changes.find(({ name }) => name === to.name)?.movedFrom;
  };

  test('the same open file of the same process in another namespace is a move', () => {
    const from = binding(5, { in: 1, holders: [holder(7)] });
    const to = binding(9, { in: 2, holders: [holder(7)] });
    assert.equal(moved(from, to), 'netns/1/devices/5');
  });

  test('first_seen of a device that moved is when it was seen under its new name', () => {
    const store = storeOf(
      [1_000, [binding(5, { in: 1, holders: [holder(7)] })]],
      [2_000, [binding(5, { in: 2, holders: [holder(7)] })]],
    );
    assert.equal(record(store, 'netns/2/devices/5').firstSeen, 2_000);
  });

  test('an open file that only a name ties to the device proves nothing', () => {
    const byName = { fd: { evidence: 'NAME', candidates: 2 } } as const;
    const from = binding(5, { in: 1, holders: [holder(7, byName)] });
    const to = binding(5, { in: 2, holders: [holder(7, byName)] });
    assert.equal(moved(from, to), null);
  });

  test('the same queue id in another process proves nothing', () => {
    const from = binding(5, { in: 1, holders: [holder(7)] });
    const to = binding(5, { in: 2, holders: [holder(8, { fd: { queue: 'queue7' } })] });
    assert.equal(moved(from, to), null);
  });

  test('a reused pid is another process', () => {
    const from = binding(5, { in: 1, holders: [holder(7)] });
    const to = binding(5, { in: 2, holders: [holder(7, { process: { startTime: 1 } })] });
    assert.equal(moved(from, to), null);
  });

  test('a new ifindex in the same namespace is a new device', () => {
    const from = binding(5, { holders: [holder(7)] });
    const to = binding(6, { holders: [holder(7)] });
    assert.equal(moved(from, to), null);
  });

  test('an open file whose TAP device was deleted and that made another one is no move', () => {
    const from = binding(5, { in: 2, holders: [holder(7)] });
    const other = { hardwareAddress: '02:00:00:00:00:02' };
    const to = binding(5, { in: 1, device: other, holders: [holder(7)] });
    assert.equal(moved(from, to), null);
  });

  test('an open file makes a TUN device only where it was opened: elsewhere, under the same ifindex, one was moved', () => {
    const tun = { kind: 'TUN', hardwareAddress: '' } as const;
    const from = binding(5, { in: 2, device: tun, holders: [holder(7)] });
    const at = (ifindex: number, place: number) =>
      binding(ifindex, { in: place, device: tun, holders: [holder(7)] });
    assert.equal(moved(from, at(5, 3)), 'netns/2/devices/5');
    assert.equal(moved(from, at(6, 3)), null);
    // Where `holder` opened it.
    assert.equal(moved(from, at(5, 1)), null);
  });

  test('a macvtap that has its address in another namespace was moved, under whatever ifindex', () => {
    const macvtap = { kind: 'MACVTAP', hardwareAddress: '02:00:00:00:00:03' } as const;
    const from = binding(5, { in: 1, device: macvtap, holders: [holder(7)] });
    const to = binding(6, { in: 2, device: macvtap, holders: [holder(7)] });
    assert.equal(moved(from, to), 'netns/1/devices/5');
    // Of another open file, which a probe that was restarted knows by the same id.
    const other = { ...macvtap, hardwareAddress: '02:00:00:00:00:04' };
    assert.equal(moved(from, binding(6, { in: 2, device: other, holders: [holder(7)] })), null);
  });

  test('an ipvtap has the address of the device below it: it was moved where its ifindex is the same, too', () => {
    const ipvtap = { kind: 'IPVTAP', hardwareAddress: '02:00:00:00:00:03' } as const;
    const from = binding(5, { in: 1, device: ipvtap, holders: [holder(7)] });
    const at = (ifindex: number) =>
      binding(ifindex, { in: 2, device: ipvtap, holders: [holder(7)] });
    assert.equal(moved(from, at(5)), 'netns/1/devices/5');
    assert.equal(moved(from, at(6)), null);
  });

  test('a device that stays is not where another came from', () => {
    const stays = binding(5, { in: 1, holders: [holder(7)] });
    const store = storeOf([1_000, [stays]]);
    const batch = store.apply(
      observed(2_000, [stays, binding(5, { in: 2, holders: [holder(7)] })]),
    );
    assert.equal(batch?.changes[0]?.movedFrom, null);
  });
});

describe('the journal', () => {
  test('hands out the batches after a revision', () => {
    const store = storeOf([1_000, []], [2_000, [binding(1)]], [3_000, [binding(1), binding(2)]]);
    assert.deepEqual(
      store.changesSince(1)?.map(({ revision, observedAt }) => [revision, observedAt]),
      [
        [2, 2_000],
        [3, 3_000],
      ],
    );
    assert.deepEqual(store.changesSince(3), []);
    assert.equal(store.changesSince(0)?.length, 3);
  });

  test('says when it does not reach back, and when the revision is yet to come', () => {
    const store = new BindingStore({ journalChanges: 2 });
    for (let revision = 1; revision <= 6; revision++) {
      store.apply(observed(revision * 1_000, [binding(1, { device: { mtu: 1000 + revision } })]));
    }
    assert.equal(store.changesSince(3), null);
    assert.deepEqual(
      store.changesSince(4)?.map(({ revision }) => revision),
      [5, 6],
    );
    assert.deepEqual(store.changesSince(6), []);
    assert.equal(store.changesSince(7), null);
  });

  test('a batch larger than the journal is not kept', () => {
    const store = new BindingStore({ journalChanges: 2 });
    store.apply(observed(1_000, []));
    store.apply(observed(2_000, [binding(1), binding(2), binding(3)]));
    assert.equal(store.changesSince(1), null);
    assert.deepEqual(store.changesSince(2), []);
    store.apply(observed(3_000, [binding(1), binding(2)]));
    assert.equal(store.changesSince(2)?.length, 1);
  });

  test('tells when the revision before a batch was last true', () => {
    const store = storeOf([1_000, []], [1_500, []], [2_000, [binding(1)]]);
    assert.equal(store.changesSince(1)?.[0]?.previousObservedAt, 1_500);
  });
});

describe('subscribers', () => {
  function subscribed(store: BindingStore): StoreEvent[] {
    const events: StoreEvent[] = [];
    store.subscribe((event) => events.push(event));
    return events;
  }

  test('hear of a batch synchronously, and of nothing after they left', () => {
    const store = storeOf([1_000, []]);
    const revisions: number[] = [];
    const unsubscribe = store.subscribe(({ batch }) => revisions.push(batch?.revision ?? 0));
    store.apply(observed(2_000, [binding(1)]));
    assert.deepEqual(revisions, [2]);
    unsubscribe();
    store.apply(observed(3_000, []));
    assert.deepEqual(revisions, [2]);
    assert.equal(store.subscribers, 0);
  });

  test('do not hear of an observation in which nothing differs', () => {
    const store = storeOf([1_000, [binding(1)]]);
    const events = subscribed(store);
    const figures = coverage({ processesSeen: 99, netnsSeen: 9, scanTime: 5_000, scanDuration: 1 });
    store.apply(observed(2_000, [binding(1)], { coverage: figures }));
    assert.deepEqual(events, []);
    assert.equal(store.coverage.processesSeen, 99);
  });

  test('hear when what could not be seen changes, without a revision', () => {
    const store = storeOf([1_000, []]);
    const events = subscribed(store);
    const denied = { processesDenied: 1, deniedProcesses: [{ pid: 7, errno: 'EACCES' }] };
    store.apply(observed(2_000, [], { coverage: coverage(denied) }));
    assert.deepEqual(events, [{ batch: null, coverageChanged: true }]);
    assert.equal(store.revision, 1);
    assert.equal(store.coverageRevision, 2);
  });

  test('hear that the view is stale, and that it is live again', () => {
    let now = 1_500;
    const store = new BindingStore({ now: () => now });
    store.markStale('there is nothing yet to be stale');
    store.apply(observed(1_000, []));
    const events = subscribed(store);
    store.markStale('the probe ended');
    assert.deepEqual(store.coverage.stale, { since: 1_500, reason: 'the probe ended' });
    now = 1_700;
    store.markStale('the probe ended');
    assert.equal(store.coverage.stale.since, 1_500);
    assert.equal(events.length, 1);
    store.apply(observed(2_000, []));
    assert.equal(store.coverage.stale, null);
    assert.equal(events.length, 2);
  });

  test('one that subscribes while another is told does not hear of the same event', () => {
    const store = storeOf([1_000, []]);
    const heard: number[] = [];
    store.subscribe(() => {
      store.subscribe(({ batch }) => heard.push(batch?.revision ?? 0));
    });
    store.apply(observed(2_000, [binding(1)]));
    assert.deepEqual(heard, []);
  });
});
