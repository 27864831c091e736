/**
 * Bounds of what clients may cost. A call counts until the client has taken what it was sent, so that those
 * that never do are bounded, too: each takes at most the room of its share of unread bytes and a message, and
 * all of them together what is kept to be shared.
 */
export interface Limits {
  /** Watch streams at once, all clients together. */
  readonly watchers: number;
  /** Lists at once, all clients together. */
  readonly lists: number;
  /** Lists among them that wait for a scan. */
  readonly freshLists: number;
  /** Watchers of health at once, all clients together. */
  readonly healthWatchers: number;
  /** Clients that read the schema at once. */
  readonly reflections: number;
  /** A client that takes nothing of what was sent for so long is ended, milliseconds. */
  readonly stallMs: number;
  /** How long `fresh` may wait for its scan, milliseconds. */
  readonly scanMs: number;
  /** About the encoded size of a message at which the next one is begun, bytes. */
  readonly messageBytes: number;
  /** Bindings or changes in one message at most. */
  readonly messageBindings: number;
  /** What one stream may have written that the client did not take, encoded, before the last message. */
  readonly unreadBytes: number;
  /** The same for all streams together: where they are many, each has its share. */
  readonly allUnreadBytes: number;
  /** What is kept of messages that several streams send, encoded, all together. */
  readonly sharedBytes: number;
}

export const DEFAULT_LIMITS: Limits = {
  watchers: 10_000,
  lists: 1_000,
  freshLists: 500,
  // Whoever watches bindings may watch health beside that.
  healthWatchers: 10_000,
  reflections: 100,
  stallMs: 60_000,
  scanMs: 60_000,
  messageBytes: 64 * 1024,
  messageBindings: 500,
  unreadBytes: 128 * 1024,
  allUnreadBytes: 32 * 1024 * 1024,
  sharedBytes: 8 * 1024 * 1024,
};
