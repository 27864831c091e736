/**
 * What happens in the service, for whoever counts it. Told in the midst of the work, and some of it once a
 * message: an implementation is quick and does not throw.
 */
import type { ApiErrorReason } from './error.js';
import type { WatchBeginning } from './watch-beginning.js';

export type Method = 'ListTapBindings' | 'WatchTapBindings';

/** ENDED: by the server, with status OK. CANCELLED: by the client, its deadline or its connection. */
export type StreamEnd = 'ENDED' | 'CANCELLED' | ApiErrorReason;

/** A watcher while it lasts. */
export interface Watching {
  /**
   * When the oldest change was observed that its client has not taken yet, milliseconds since the epoch;
   * null when there is none.
   */
  readonly behindSince: number | null;
}

export interface ServiceEvents {
  watchBegan(watching: Watching, beginning: WatchBeginning): void;
  watchEnded(watching: Watching, end: StreamEnd): void;
  /** So many changes came while an earlier one of the same binding still waited for the same watcher. */
  coalesced(changes: number): void;
  /**
   * The connection of a client has taken a message. `observedAt` is set of changes that happened while it
   * watched: when the oldest of them was observed, milliseconds since the epoch.
   */
  sent(method: Method, observedAt: number | null): void;
}

export const NO_EVENTS: ServiceEvents = {
  watchBegan: () => undefined,
  watchEnded: () => undefined,
  coalesced: () => undefined,
  sent: () => undefined,
};
