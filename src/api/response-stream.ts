/**
 * Sends the messages of one call no faster than the client takes them. They come encoded: what waits for a
 * client that does not read takes many times the room as objects.
 */
import type { ServerWritableStream } from '@grpc/grpc-js';
import { ApiError, errorStatus } from './error.js';
import type { StreamEnd } from './events.js';
import type { Limits } from './limits.js';

/** An encoded message. */
export interface Outgoing {
  readonly bytes: Buffer;
  /** Of changes: when the oldest of them was observed, milliseconds since the epoch. Null: of none. */
  readonly observedAt: number | null;
}

/** Where the messages come from. It is asked only when there is room for one more. */
export interface ResponseSource {
  /** Null: none now. After `ended` is true: none any more. */
  next(): Outgoing | null;
  /** No more messages will come, and the call ends with status OK. */
  readonly ended: boolean;
}

export interface ResponseStreamOptions {
  readonly limits: Pick<Limits, 'stallMs'>;
  /** How much the client may have unread now before it has to read, bytes. */
  readonly room: () => number;
  /** Takes an error that the client is not told of. */
  readonly onInternalError: (error: unknown) => void;
  /** The client's connection has taken a message. */
  readonly onSent?: (observedAt: number | null) => void;
  /** The call is over: release all that belongs to it. Called once. */
  readonly onClose?: (end: StreamEnd) => void;
  /**
   * The call is over, and again the client has taken nothing for so long: only the end of its connection frees
   * what waits for it.
   */
  readonly onAbandoned: () => void;
}

/** The source of a list that is sent from its first message to its last. */
export function sourceOf(messages: Iterator<Buffer>): ResponseSource {
  let ended = false;
  return {
    next: () => {
      const result = messages.next();
      if (result.done !== true) return { bytes: result.value, observedAt: null };
      ended = true;
      return null;
    },
    get ended() {
      return ended;
    },
  };
}

/**
 * At the high-water mark of a stream of objects `write()` returns false; this many are never
 * exceeded here.
 */
const UNREAD_MESSAGES = 16;
/** What a message costs besides its bytes, so that many small ones count too. */
const MESSAGE_OVERHEAD = 64;

export class ResponseStream {
  readonly #call: ServerWritableStream<unknown, Buffer>;
  readonly #source: ResponseSource;
  readonly #options: ResponseStreamOptions;
  /** Of what was written and not taken, the oldest first, when it was observed. */
  readonly #unread: (number | null)[] = [];
  #unreadBytes = 0;
  #closed = false;
  /** Runs while there is anything unread, after the end of the call too. */
  #stallTimer: NodeJS.Timeout | null = null;

  constructor(
    call: ServerWritableStream<unknown, Buffer>,
    source: ResponseSource,
    options: ResponseStreamOptions,
  ) {
    this.#call = call;
    this.#source = source;
    this.#options = options;
    // Comes for a cancelled call, a deadline, and a connection that is lost.
    call.on('cancelled', () => {
      this.#stopStallTimer();
      this.#close('CANCELLED');
    });
  }

  /** When the oldest change that the client has not taken was observed; null: none is on the way. */
  get unreadSince(): number | null {
    return this.#unread.find((observedAt) => observedAt !== null) ?? null;
  }

  /** Sends what the source has, as far as there is room. To be called whenever it has something. */
  pump(): void {
    try {
      while (!this.#closed && this.#hasRoom()) {
        const outgoing = this.#source.next();
        if (outgoing === null) break;
        this.#write(outgoing);
      }
      if (!this.#closed && this.#hasRoom() && this.#source.ended) {
        this.#close('ENDED');
        this.#call.end();
      }
    } catch (error) {
      this.fail(error);
    }
  }

  /** Ends the call with the status of `error`, behind what is written already. */
  fail(error: unknown): void {
    if (this.#closed) return;
    this.#close(error instanceof ApiError ? error.reason : 'INTERNAL');
    failCall(this.#call, error, this.#options.onInternalError);
  }

  #hasRoom(): boolean {
    const unread = this.#unread.length;
    return unread === 0 || (unread < UNREAD_MESSAGES && this.#unreadBytes < this.#options.room());
  }

  #write({ bytes, observedAt }: Outgoing): void {
    const size = bytes.length + MESSAGE_OVERHEAD;
    this.#unread.push(observedAt);
    this.#unreadBytes += size;
    if (this.#stallTimer === null) this.#startStallTimer();
    this.#call.write(bytes, (error?: Error | null) => {
      this.#unread.shift();
      this.#unreadBytes -= size;
      // Also called when the connection is lost.
      if (!error) this.#options.onSent?.(observedAt);
      this.#taken();
    });
  }

  #taken(): void {
    if (this.#unread.length > 0) {
      this.#stallTimer?.refresh();
    } else {
      this.#stopStallTimer();
    }
    if (!this.#closed) this.pump();
  }

  #startStallTimer(): void {
    this.#stallTimer = setTimeout(() => {
      this.#stalled();
    }, this.#options.limits.stallMs);
  }

  #stalled(): void {
    this.#stallTimer = null;
    if (this.#closed) {
      this.#options.onAbandoned();
      return;
    }
    this.#startStallTimer();
    const seconds = this.#options.limits.stallMs / 1000;
    this.fail(new ApiError('NOT_READING', `the client did not read for ${seconds} s`));
  }

  #close(end: StreamEnd): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#options.onClose?.(end);
  }

  #stopStallTimer(): void {
    if (this.#stallTimer !== null) clearTimeout(this.#stallTimer);
    this.#stallTimer = null;
  }
}

/** Ends `call` with the status of `error`, behind what is written already. */
export function failCall(
  call: ServerWritableStream<unknown, Buffer>,
  error: unknown,
  onInternalError: (error: unknown) => void,
): void {
  if (!(error instanceof ApiError)) onInternalError(error);
  // Not destroy(): grpc-js turns this event into the status.
  call.emit('error', errorStatus(error));
}
