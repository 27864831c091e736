import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import fc from 'fast-check';
import type { Coverage } from '../../src/gen/tapmap/v1/coverage.js';
import type { DeepPartial } from '../../src/gen/tapmap/v1/tap_binding_service.js';
import {
  SnapshotReason,
  View,
  WatchTapBindingsRequest,
} from '../../src/gen/tapmap/v1/tap_binding_service.js';
import { anySelection, anyView, byName, Host, listed, type State } from './hosts.js';
import { TestServer } from './server.js';
import type { WatchStream } from './watch-stream.js';
import { world, type World } from './worlds.js';

/** What happens on the host, to the server, and to the client. */
type Step =
  | { readonly what: 'observe'; readonly next: World }
  | { readonly what: 'lose the probe' | 'pause' | 'resume' | 'wait for a token' }
  /** Of the event loop. */
  | { readonly what: 'turns'; readonly turns: number }
  | { readonly what: 'restart'; readonly next: World }
  /**
   * Cuts the stream where it is, or after so many messages, and comes back with the token of the message so many
   * before the last.
   */
  | { readonly what: 'reconnect'; readonly after: number; readonly back: number };

const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 8, arbitrary: world.map((next) => ({ what: 'observe', next }) as const) },
  {
    weight: 5,
    arbitrary: fc
      .constantFrom('lose the probe', 'pause', 'resume', 'wait for a token')
      .map((what) => ({ what }) as const),
  },
  { weight: 5, arbitrary: fc.nat(40).map((turns) => ({ what: 'turns', turns }) as const) },
  {
    weight: 3,
    arbitrary: fc
      .tuple(fc.nat(4), fc.nat(6))
      .map(([after, back]) => ({ what: 'reconnect', after, back }) as const),
  },
  { weight: 1, arbitrary: world.map((next) => ({ what: 'restart', next }) as const) },
);

/** What a client knew when it got a token. */
interface Known {
  readonly token: string;
  readonly bindings: State;
  readonly coverage: Coverage | null;
}

const NOTHING: Known = { token: '', bindings: new Map(), coverage: null };

/** How often what the property is about has happened. */
class Seen {
  readonly times = new Map<string, number>();

  add(what: string): void {
    this.times.set(what, (this.times.get(what) ?? 0) + 1);
  }
}

class Client {
  /** Revisions at which it did not have what List said. */
  readonly wrong: string[] = [];
  readonly #request: DeepPartial<WatchTapBindingsRequest>;
  /** By epoch and revision. */
  readonly #expected: ReadonlyMap<string, State>;
  readonly #seen: Seen;
  readonly #history: Known[] = [NOTHING];
  #watch: WatchStream;

  constructor(
    server: TestServer,
    request: DeepPartial<WatchTapBindingsRequest>,
    expected: ReadonlyMap<string, State>,
    seen: Seen,
  ) {
    this.#request = request;
    this.#expected = expected;
    this.#seen = seen;
    this.#watch = this.#connect(server, NOTHING);
  }

  get watch(): WatchStream {
    return this.#watch;
  }

  /** Nothing is waited for: whatever is on the way is lost, half a snapshot and half a batch, too. */
  async reconnect(server: TestServer, back: number): Promise<void> {
    this.#noteCut();
    await this.#watch.cancel();
    const from = this.#history.at(-1 - back) ?? NOTHING;
    this.#watch = this.#connect(server, from);
  }

  #connect(server: TestServer, { token, bindings, coverage }: Known): WatchStream {
    const watch = server.watch({ ...this.#request, resumeToken: token });
    // What is known goes on to be known: a resumed stream tells only what is new.
    for (const [name, known] of bindings) watch.replay.bindings.set(name, known);
    watch.replay.coverage = coverage;
    watch.replay.onRevision = (revision) => {
      this.#check(watch, revision);
    };
    return watch;
  }

  #check({ messages, replay }: WatchStream, revision: number): void {
    const { epoch = '', resumeToken = '', event } = messages.at(-1) ?? {};
    if (messages.length === 1) this.#seen.add('resumed');
    if (event?.$case === 'changes' && event.value.changes.some(({ coalesced }) => coalesced > 1)) {
      this.#seen.add('coalesced');
    }
    const bindings = new Map(replay.bindings);
    const expected = this.#expected.get(`${epoch} ${revision}`);
    try {
      assert.ok(expected, 'a revision that there was');
      assert.notEqual(resumeToken, '');
      assert.deepEqual(byName(bindings), byName(expected));
    } catch (error) {
      this.wrong.push(`${revision}: ${String(error)}`);
    }
    this.#history.push({ token: resumeToken, bindings, coverage: replay.coverage });
  }

  #noteCut(): void {
    const { messages } = this.#watch;
    for (const { reason } of this.#watch.events('snapshotBegin')) {
      this.#seen.add(SnapshotReason[reason]);
    }
    const last = messages.at(-1);
    if (last?.resumeToken !== '' || last.event?.$case !== 'changes') return;
    const begins = messages.findLastIndex(({ event }) => event?.$case === 'snapshotBegin');
    const ends = messages.findLastIndex(({ event }) => event?.$case === 'snapshotEnd');
    this.#seen.add(begins > ends ? 'cut in a snapshot' : 'cut in a batch');
  }
}

test('whatever happens on the host, to the server and to the client, a replayed stream is at each revision what List says', async () => {
  const seen = new Seen();
  const steps = fc.array(step, { minLength: 1, maxLength: 40, size: 'max' });
  const anyJournal = fc.constantFrom(0, 4, 100_000);
  // Little is written ahead, so that the client's pauses are felt; batches take several messages, and may be
  // dropped before the client that lags behind the other one gets there.
  const anyLimits = fc.record({
    unreadBytes: fc.constantFrom(1, 2_000, 100_000),
    messageBindings: fc.constantFrom(1, 2, 500),
    sharedBytes: fc.constantFrom(1, 2_000, 100_000),
  });

  const property = fc.asyncProperty(
    fc.tuple(world, steps),
    fc.tuple(anySelection, anyView),
    fc.tuple(anyJournal, anyLimits),
    async ([first, then], [selection, view], [journal, limits]) => {
      const host = new Host(journal);
      const expected = new Map<string, State>();
      const observe = (next: World): void => {
        host.observe(next);
        const { epoch, revision } = host.store;
        expected.set(`${epoch} ${revision}`, listed(host.store, selection, view));
      };
      const servers: TestServer[] = [];
      const serve = async (): Promise<TestServer> => {
        const server = await TestServer.start({ store: host.store, limits });
        servers.push(server);
        return server;
      };
      observe(first);
      let server = await serve();
      const request: DeepPartial<WatchTapBindingsRequest> = {
        filter: selection.filter,
        view: view === 'FULL' ? View.VIEW_FULL : View.VIEW_BASIC,
        progressInterval: { seconds: 0n, nanos: 100_000_000 },
      };
      const client = new Client(server, request, expected, seen);
      // It always reads what the other one may lag behind with.
      const other = new Client(server, request, expected, seen);
      try {
        for (const now of then) {
          switch (now.what) {
            case 'observe':
              observe(now.next);
              break;
            case 'lose the probe':
              host.loseProbe();
              break;
            case 'pause':
              client.watch.pause();
              break;
            case 'resume':
              client.watch.resume();
              break;
            case 'wait for a token':
              client.watch.resume();
              await client.watch.until('a token', () => client.watch.replay.revision > 0);
              break;
            case 'turns':
              for (let turns = 0; turns < now.turns; turns++) await turn();
              break;
            case 'reconnect':
              if (now.after > 0) client.watch.resume();
              await client.watch.messageCount(now.after);
              await client.reconnect(server, now.back);
              break;
            case 'restart':
              host.restart();
              observe(now.next);
              await server.stop();
              server = await serve();
              await client.reconnect(server, 0);
              await other.reconnect(server, 0);
          }
        }
        // The view is live in the end, whatever the last steps were.
        observe(first);
        client.watch.resume();
        const { revision, coverage } = host.store;
        for (const { watch, wrong } of [client, other]) {
          await watch.reached(revision);
          await watch.until('the coverage', () => {
            const told = watch.replay.coverage;
            return told?.stale === undefined && told?.unattachedFds === coverage.unattachedFds;
          });
          assert.deepEqual(wrong, []);
        }
        for (const { logged } of servers) assert.deepEqual(logged, []);
        await client.reconnect(server, 0);
        await client.watch.cancel();
        await other.watch.cancel();
      } finally {
        await server.stop();
      }
    },
  );
  // A failure may wait for what never comes, and so may each attempt to make it smaller.
  await fc.assert(property, { numRuns: 200, interruptAfterTimeLimit: 120_000 });

  for (const what of [
    'resumed',
    'coalesced',
    'cut in a snapshot',
    'cut in a batch',
    'SNAPSHOT_REASON_INITIAL',
    'SNAPSHOT_REASON_EPOCH_CHANGED',
    'SNAPSHOT_REASON_JOURNAL_EXCEEDED',
  ]) {
    assert.ok((seen.times.get(what) ?? 0) > 0, `it never came to this: ${what}`);
  }
});
