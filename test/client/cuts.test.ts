import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import fc from 'fast-check';
import {
  SnapshotReason,
  View,
  watchTapBindings,
  type BindingChange,
  type TapBinding,
  type TapBindingFilters,
} from '../../src/client/index.js';
import { serve } from '../api/server.js';
import { world } from '../api/worlds.js';
import { byName, Host, type Wanted } from './host.js';
import { Line } from './line.js';

const anyFilter = fc.constantFrom<{ filter: TapBindingFilters; matches: Wanted['matches'] }>(
  { filter: [], matches: () => true },
  { filter: { pid: 7 }, matches: ({ holders }) => holders[0]?.process.pid === 7 },
  {
    filter: [{ netnsCookie: 2n }, { deviceName: 'tap1', uid: 0 }],
    matches: ({ name, holders }) =>
      name.startsWith('netns/2/') || (name.endsWith('/1') && holders.length > 0),
  },
);

/** What happens on the host, on the line, and to the program that watches. */
const step = fc.oneof(
  { weight: 6, arbitrary: world.map((next) => ({ what: 'change', next }) as const) },
  { weight: 2, arbitrary: fc.constant({ what: 'cut' } as const) },
  // A connection begins with about 50 bytes; a snapshot of these hosts has some hundred a binding.
  { weight: 2, arbitrary: fc.nat(3000).map((bytes) => ({ what: 'cut after', bytes }) as const) },
  { weight: 1, arbitrary: world.map((next) => ({ what: 'restart', next }) as const) },
  { weight: 2, arbitrary: fc.constant({ what: 'event' } as const) },
  { weight: 2, arbitrary: fc.constant({ what: 'turn' } as const) },
);

/** What a program has that goes by the changes alone. */
class Mirror {
  readonly bindings = new Map<string, TapBinding>();

  apply(changes: readonly BindingChange[]): void {
    const told = changes.map((change) =>
      change.kind === 'removed' ? change.before : change.after,
    );
    assert.equal(new Set(told.map(({ name }) => name)).size, told.length, 'each is told once');
    for (const change of changes) {
      const before = change.kind === 'added' ? undefined : change.before;
      const name = before?.name ?? '';
      assert.deepEqual(this.bindings.get(name), before, 'what was before is what was told last');
      this.bindings.delete(name);
      if (change.kind === 'removed') continue;
      assert.ok(!this.bindings.has(change.after.name), 'what is added was not there');
      this.bindings.set(change.after.name, change.after);
    }
  }
}

test('wherever the connection is cut, after each event the live map is what List says at its revision', async (t) => {
  const seen = new Set<string>();
  await fc.assert(
    fc.asyncProperty(
      world,
      fc.array(step, { minLength: 1, maxLength: 20 }),
      anyFilter,
      fc.constantFrom<Wanted['view']>('BASIC', 'FULL'),
      async (first, steps, { filter, matches }, view) => {
        const host = new Host({ view, matches });
        host.observe(first);
        // Batches and snapshots take several messages, so that a cut falls between two of one.
        const limits = { messageBindings: 2, unreadBytes: 1 };
        const line = await Line.to(t, (await serve(t, { store: host.store, limits })).address);
        await using watch = watchTapBindings({
          address: line.address,
          filter,
          view: view === 'FULL' ? View.VIEW_FULL : View.VIEW_BASIC,
          progressInterval: 100,
          backoff: { first: 1, most: 4 },
        });
        const mirror = new Mirror();
        let [epoch, revision] = ['', 0n];
        const event = async (): Promise<void> => {
          const next = await watch.next();
          assert.equal(next.done, false);
          const told = next.value;
          assert.equal(told.bindings, watch.bindings);
          seen.add(told.kind);
          if (told.kind === 'connected' || told.kind === 'disconnected') return;
          assert.deepEqual(byName(watch.bindings), host.listed(told.epoch, told.revision));
          if (told.kind === 'snapshot') {
            const { SNAPSHOT_REASON_INITIAL: initial, SNAPSHOT_REASON_EPOCH_CHANGED: again } =
              SnapshotReason;
            assert.equal(told.reason, epoch === '' ? initial : again);
            assert.notEqual(told.epoch, epoch);
          }
          if (told.kind === 'snapshot' || told.kind === 'changes') mirror.apply(told.changes);
          assert.deepEqual(mirror.bindings, new Map(watch.bindings));
          ({ epoch, revision } = told);
        };

        await event();
        for (const now of steps) {
          if (now.what === 'change') host.observe(now.next);
          else if (now.what === 'cut') line.cut();
          else if (now.what === 'cut after') line.cutAfter(now.bytes);
          else if (now.what === 'event') await event();
          else if (now.what === 'turn') await turn();
          else {
            const store = host.restart();
            host.observe(now.next);
            line.leadTo((await serve(t, { store, limits })).address);
            line.cut();
          }
        }
        const isThere = (): boolean =>
          epoch === host.store.epoch && revision === BigInt(host.store.revision);
        while (!isThere()) await event();
      },
    ),
    { numRuns: 150 },
  );
  // Or nothing of what it is about has happened.
  assert.deepEqual([...seen].sort(), [
    'changes',
    'connected',
    'coverage',
    'disconnected',
    'progress',
    'snapshot',
  ]);
});
