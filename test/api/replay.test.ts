import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { changeMessages } from '../../src/api/change-messages.js';
import { PendingChanges } from '../../src/api/pending-changes.js';
import { WatchTapBindingsResponse } from '../../src/gen/tapmap/v1/tap_binding_service.js';
import { anySelection, anyView, byName, Host, listed } from './hosts.js';
import { NODE } from './server.js';
import { Replay } from './watch-stream.js';
import { world } from './worlds.js';

test('whenever a watcher is told what is pending, it has what List says', () => {
  const steps = fc.array(fc.tuple(world, fc.boolean()), { minLength: 1, maxLength: 12 });
  fc.assert(
    fc.property(world, steps, anySelection, anyView, (first, then, selection, view) => {
      const host = new Host();
      const { store } = host;
      host.observe(first);
      const wanted = { matches: selection.matches, view };
      const pending = new PendingChanges(wanted);
      store.subscribe(({ batch }) => {
        if (batch !== null) pending.note(batch.changes);
      });
      const replay = new Replay();
      for (const [name, known] of listed(store, selection, view)) replay.bindings.set(name, known);

      for (const [next, told] of [...then, [first, true] as const]) {
        host.observe(next);
        assert.ok(pending.size <= store.snapshot().records.length + replay.bindings.size);
        if (!told) continue;
        const changes = [...changeMessages(pending.take(), wanted, NODE)(0)].map(
          ({ item }) => item,
        );
        const message = WatchTapBindingsResponse.fromPartial({ revision: BigInt(store.revision) });
        message.event = { $case: 'changes', value: { changes, more: false } };
        const encoded = WatchTapBindingsResponse.encode(message).finish();
        replay.take(WatchTapBindingsResponse.decode(encoded));
        assert.deepEqual(byName(replay.bindings), byName(listed(store, selection, view)));
        assert.equal(pending.size, 0);
      }
    }),
    { numRuns: 400 },
  );
});
