/** Calls, watchers and connections: what clients ask for, and how far they are behind. */
import type { Histogram } from 'prom-client';
import type { Method, ServiceEvents, StreamEnd, Watching } from '../api/events.js';
import type { WatchBeginning } from '../api/watch-beginning.js';
import { Tally, type Families } from './families.js';

const METHODS: readonly Method[] = ['ListTapBindings', 'WatchTapBindings'];
const DELAY_BUCKETS = [0.001, 0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 60];

export class ServiceMetrics implements ServiceEvents {
  readonly #watchers = new Set<Watching>();
  readonly #calls = new Tally(METHODS.map((method) => [method, 'OK']));
  readonly #begun = new Tally([['initial'], ['resumed']]);
  readonly #ended = new Tally([['cancelled'], ['drained'], ['not_reading']]);
  readonly #sent = { ListTapBindings: 0, WatchTapBindings: 0 };
  readonly #delay: Histogram;
  #coalesced = 0;
  #dropped = 0;

  constructor(families: Families) {
    families.counters(
      'tapmap_calls_total',
      'Calls of tapmap.v1.TapBindingService that have ended, by method and gRPC status code',
      ['method', 'code'],
      () => this.#calls.samples(),
    );
    families.counters(
      'tapmap_messages_sent_total',
      'Messages that the connections of clients have taken, by method',
      ['method'],
      () => METHODS.map((method) => [[method], this.#sent[method]] as const),
    );
    families.gauge(
      'tapmap_watchers',
      'Streams of changes that are open',
      () => this.#watchers.size,
    );
    families.counters(
      'tapmap_watchers_begun_total',
      'Streams of changes that have begun, by what they began with',
      ['beginning'],
      () => this.#begun.samples(),
    );
    families.counters(
      'tapmap_watchers_ended_total',
      'Streams of changes that have ended, by reason',
      ['reason'],
      () => this.#ended.samples(),
    );
    families.counter(
      'tapmap_changes_coalesced_total',
      'Changes that came while an earlier one of the same binding still waited for the same watcher',
      () => this.#coalesced,
    );
    families.counter(
      'tapmap_connections_dropped_total',
      'Connections that were closed at once, as an address had as many as allowed',
      () => this.#dropped,
    );
    families.gauge(
      'tapmap_watch_lag_seconds',
      'Age of the oldest change that some watcher has not taken yet: how far the last of them is behind',
      () => this.#lag(Date.now()),
    );
    this.#delay = families.histogram(
      'tapmap_watch_delay_seconds',
      'From the observation of the oldest change in a message to when the connection of the client took it',
      DELAY_BUCKETS,
    );
  }

  /** `code` is the name of a gRPC status. */
  called(method: Method, code: string): void {
    this.#calls.add([method, code]);
  }

  watchBegan(watching: Watching, beginning: WatchBeginning): void {
    this.#watchers.add(watching);
    this.#begun.add([beginning.toLowerCase()]);
  }

  watchEnded(watching: Watching, end: StreamEnd): void {
    this.#watchers.delete(watching);
    // Nothing else ends one with status OK.
    this.#ended.add([end === 'ENDED' ? 'drained' : end.toLowerCase()]);
  }

  coalesced(changes: number): void {
    this.#coalesced += changes;
  }

  connectionDropped(): void {
    this.#dropped++;
  }

  sent(method: Method, observedAt: number | null): void {
    this.#sent[method]++;
    // The probe's clock is this host's, which somebody may have set back.
    if (observedAt !== null) this.#delay.observe(Math.max(Date.now() - observedAt, 0) / 1000);
  }

  /** Seconds. */
  #lag(now: number): number {
    let oldest = now;
    for (const { behindSince } of this.#watchers) oldest = Math.min(oldest, behindSince ?? now);
    return (now - oldest) / 1000;
  }
}
