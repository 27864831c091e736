/** WatchTapBindings: the bindings of the host, and every change of them as it happens. */
import type { TapBinding } from '../gen/tapmap/v1/tap_binding.js';
import { View, type WatchTapBindingsRequest } from '../gen/tapmap/v1/tap_binding_service.js';
import type { BackoffOptions } from './backoff.js';
import { invalidOption } from './error.js';
import { filtersOf, type TapBindingFilters } from './filter.js';
import { Replay } from './replay.js';
import { serverOf, type ServerOptions } from './server.js';
import type { LiveBindings, WatchEvent } from './watch-event.js';
import { watchMessages, type WatchItem } from './watch-messages.js';

/** Where an earlier watch or list ended, of the same server, filter and view. */
export interface ResumePoint {
  /** Of a WatchPosition or of the summary of a list. */
  readonly resumeToken: string;
  /** What was known there. */
  readonly bindings: Iterable<TapBinding>;
}

export interface WatchTapBindingsOptions extends ServerOptions {
  /** A binding is watched while any of these matches. Default: all are. */
  readonly filter?: TapBindingFilters | undefined;
  /** How much of each binding to send. Default: VIEW_BASIC. */
  readonly view?: View | undefined;
  /** Instead of a first snapshot: the changes since then, if the server still knows them. */
  readonly resume?: ResumePoint | undefined;
  /** How often to tell `progress` when there is nothing else, milliseconds. Default: 30,000. */
  readonly progressInterval?: number | undefined;
  /** How long to wait between tries; the server may ask for longer. There is jitter in it. */
  readonly backoff?: BackoffOptions | undefined;
  /** Ends the iteration, without an error. */
  readonly signal?: AbortSignal | undefined;
}

/**
 * A watch. It connects when it is iterated for the first time, and asks the server for no more than is
 * iterated: one that is slow gets changes coalesced. `break`, `return()`, `await using` and the signal
 * end it, and its connection with it. It can be iterated once.
 */
export interface TapBindingWatch {
  /** What is known: exactly what List says at the revision of the last event. */
  readonly bindings: LiveBindings;
  /** Rejects with a TapmapError for what trying again would not change. */
  next(): Promise<IteratorResult<WatchEvent, undefined>>;
  return(): Promise<IteratorResult<WatchEvent, undefined>>;
  [Symbol.asyncIterator](): TapBindingWatch;
  [Symbol.asyncDispose](): Promise<void>;
}

/**
 * Watches the bindings of the host. While there is no server, or after it went away, it is tried again,
 * at growing intervals or when the server says; what was missed meanwhile is told after that.
 */
export function watchTapBindings(options: WatchTapBindingsOptions = {}): TapBindingWatch {
  return new Watch(options);
}

const ANSWER_MS = 30_000;

class Watch implements TapBindingWatch {
  readonly #ending = new AbortController();
  readonly #replay: Replay;
  readonly #events: AsyncGenerator<WatchEvent, undefined, undefined>;

  constructor(options: WatchTapBindingsOptions) {
    this.#replay = new Replay(options.resume?.bindings);
    this.#events = this.#run(options);
  }

  get bindings(): LiveBindings {
    return this.#replay.bindings;
  }

  async next(): Promise<IteratorResult<WatchEvent, undefined>> {
    return this.#events.next();
  }

  async return(): Promise<IteratorResult<WatchEvent, undefined>> {
    // Behind a next() that waits, the generator would return only when that has its event.
    this.#ending.abort();
    return this.#events.return(undefined);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.return();
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  async *#run(options: WatchTapBindingsOptions): AsyncGenerator<WatchEvent, undefined, undefined> {
    const { signal } = options;
    const end = (): void => {
      this.#ending.abort();
    };
    if (signal?.aborted === true) return undefined;
    signal?.addEventListener('abort', end, { once: true });
    try {
      const items = watchMessages(serverOf(options), requestOf(options), {
        persistent: true,
        startTimeout: 0,
        reconnect: true,
        answerTimeout: ANSWER_MS,
        backoff: options.backoff,
        signal: this.#ending.signal,
      });
      for await (const item of items) {
        const event = this.#eventOf(item);
        if (event !== null) yield event;
      }
      return undefined;
    } finally {
      signal?.removeEventListener('abort', end);
    }
  }

  #eventOf(item: WatchItem): WatchEvent | null {
    const { bindings } = this.#replay;
    if (item.kind === 'disconnected') this.#replay.interrupted();
    if (item.kind !== 'message') return { ...item, bindings };
    const told = this.#replay.apply(item.message);
    if (told === null) return null;
    const { epoch, revision, resumeToken, observeTime = null } = item.message;
    return { ...told, epoch, revision, resumeToken, observeTime, bindings };
  }
}

function requestOf(options: WatchTapBindingsOptions): WatchTapBindingsRequest {
  const { view = View.VIEW_BASIC, resume, progressInterval } = options;
  if (resume?.resumeToken === '') throw invalidOption('resume.resumeToken', 'is empty');
  return {
    filter: filtersOf(options.filter),
    view,
    resumeToken: resume?.resumeToken ?? '',
    updatesOnly: false,
    progressInterval: progressInterval === undefined ? undefined : durationOf(progressInterval),
  };
}

function durationOf(milliseconds: number): { seconds: bigint; nanos: number } {
  if (!Number.isFinite(milliseconds)) throw invalidOption('progressInterval', 'is no number');
  const seconds = Math.trunc(milliseconds / 1000);
  return { seconds: BigInt(seconds), nanos: Math.round((milliseconds - seconds * 1000) * 1e6) };
}
