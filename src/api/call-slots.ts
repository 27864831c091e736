/** Lets so many calls in at once, each counted until the client has taken what it was sent. */
import type { ServerWritableStream } from '@grpc/grpc-js';
import type { ApiError } from './error.js';

/**
 * Each of these is the last that is heard of a call. Not `error`: it gives a call its status, which waits
 * behind what the client has yet to read.
 */
const ENDS = ['finish', 'cancelled', 'close'] as const;

export class CallSlots {
  readonly #limit: number;
  readonly #refusal: () => ApiError;
  #calls = 0;

  /** `refusal`: what one too many is told. */
  constructor(limit: number, refusal: () => ApiError) {
    this.#limit = limit;
    this.#refusal = refusal;
  }

  get taken(): number {
    return this.#calls;
  }

  /** Throws the refusal. */
  take<Request>(call: ServerWritableStream<Request, Buffer>): void {
    // It is not heard of any more.
    if (call.cancelled) return;
    if (this.#calls >= this.#limit) throw this.#refusal();
    this.#calls++;
    let isOpen = true;
    const end = (): void => {
      if (isOpen) this.#calls--;
      isOpen = false;
    };
    for (const event of ENDS) call.once(event, end);
  }
}
