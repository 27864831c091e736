import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import fc from 'fast-check';
import { bindingMessage } from '../../src/api/binding-message.js';
import { changeMessages } from '../../src/api/change-messages.js';
import { PendingChanges } from '../../src/api/pending-changes.js';
import type { View as ModelView } from '../../src/api/view.js';
import { TapBinding } from '../../src/gen/tapmap/v1/tap_binding.js';
import type {
  DeepPartial,
  TapBindingFilter,
  WatchTapBindingsRequest,
} from '../../src/gen/tapmap/v1/tap_binding_service.js';
import { View, WatchTapBindingsResponse } from '../../src/gen/tapmap/v1/tap_binding_service.js';
import type { Binding } from '../../src/model/binding.js';
import { BindingStore } from '../../src/store/binding-store.js';
import { NODE, serve } from './server.js';
import { Replay } from './watch-stream.js';
import type { World } from './worlds.js';
import { observationOf, world } from './worlds.js';

interface Selection {
  readonly filter: DeepPartial<TapBindingFilter>[];
  /** What the filter means, said in another way. */
  readonly matches: (binding: Binding) => boolean;
}

const SELECTIONS: readonly Selection[] = [
  { filter: [], matches: () => true },
  { filter: [{ pid: 7 }], matches: ({ holders }) => holders[0]?.process.pid === 7 },
  { filter: [{ netnsCookie: 2n }], matches: ({ name }) => name.startsWith('netns/2/') },
  {
    filter: [{ deviceName: 'tap1', uid: 0 }, { netnsPath: '/run/netns/ns3' }],
    matches: ({ name, holders }) =>
      (name.endsWith('/1') && holders.length > 0) || name.startsWith('netns/3/'),
  },
];

const anySelection = fc.constantFrom(...SELECTIONS);
const anyView = fc.constantFrom<ModelView>('BASIC', 'FULL');

type State = ReadonlyMap<string, TapBinding>;

/** What List says now. */
function listed(store: BindingStore, { matches }: Selection, view: ModelView): State {
  const state = new Map<string, TapBinding>();
  for (const record of store.snapshot().records) {
    if (!matches(record)) continue;
    const message = bindingMessage(record, NODE, view);
    state.set(record.name, TapBinding.decode(TapBinding.encode(message).finish()));
  }
  return state;
}

function byName(state: State): TapBinding[] {
  return [...state.values()].sort((a, b) => (a.name < b.name ? -1 : 1));
}

/** Lets a store observe one world after another, each in the millisecond after the last or in it. */
class Host {
  readonly store = new BindingStore();
  #bindings: readonly Binding[] = [];
  #observedAt = 1_000;

  observe(next: World): void {
    const full = next.full || !this.store.ready;
    const told = observationOf({ ...next, full }, this.#bindings, this.#observedAt);
    this.#bindings = told.bindings;
    this.#observedAt += next.unattachedFds;
    this.store.apply(told.observation);
  }
}

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
        const changes = [...changeMessages(pending.take(), wanted, NODE)].map(({ item }) => item);
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

test('whatever happens on the host and to the client, a replayed stream is at each revision what List says', async (t) => {
  const step = fc.oneof(
    { weight: 6, arbitrary: world },
    fc.constantFrom('pause', 'resume', 'reconnect', 'turn'),
  );
  const steps = fc.array(step, { minLength: 1, maxLength: 30 });

  await fc.assert(
    fc.asyncProperty(world, steps, anySelection, anyView, async (first, then, selection, view) => {
      const host = new Host();
      const { store } = host;
      host.observe(first);
      // Little is written ahead, so that the client's pauses are felt; batches take several messages.
      const server = await serve(t, { store, limits: { unreadBytes: 1, messageBindings: 2 } });
      const client = server.client();
      const expected = new Map<number, State>();
      const expect = () => expected.set(store.revision, listed(store, selection, view));
      expect();

      const request: DeepPartial<WatchTapBindingsRequest> = {
        filter: selection.filter,
        view: view === 'FULL' ? View.VIEW_FULL : View.VIEW_BASIC,
        progressInterval: { seconds: 0n, nanos: 100_000_000 },
      };
      const wrong: number[] = [];
      const connect = (from: DeepPartial<WatchTapBindingsRequest>, before: Replay | null) => {
        const watch = server.watch({ ...request, ...from }, client);
        // What is known goes on to be known: a resumed stream tells only what is new.
        for (const [name, known] of before?.bindings ?? []) watch.replay.bindings.set(name, known);
        watch.replay.coverage = before?.coverage ?? null;
        watch.replay.onRevision = (revision) => {
          const state = byName(expected.get(revision) ?? new Map());
          try {
            assert.deepEqual(byName(watch.replay.bindings), state);
          } catch {
            wrong.push(revision);
          }
        };
        return watch;
      };

      let watch = connect({}, null);
      for (const what of then) {
        if (what === 'pause') watch.pause();
        else if (what === 'resume') watch.resume();
        else if (what === 'turn') await turn();
        else if (what === 'reconnect') {
          watch.resume();
          await watch.until('a token', () => watch.replay.revision > 0);
          await watch.cancel();
          watch = connect({ resumeToken: watch.lastToken }, watch.replay);
        } else {
          host.observe(what);
          expect();
        }
      }
      watch.resume();
      await watch.reached(store.revision);
      await watch.until(
        'the coverage',
        () => watch.replay.coverage?.unattachedFds === store.coverage.unattachedFds,
      );
      await watch.cancel();
      assert.deepEqual(wrong, []);
      assert.deepEqual(server.logged, []);
    }),
    { numRuns: 150 },
  );
});
