/** Lets so many calls in at once, each counted until the client has taken what it was sent. */
import { ApiError, type ApiErrorReason } from './error.js';

/**
 * Each of these is the last that is heard of a call. Not `error`: it gives a call its status, which waits
 * behind what the client has yet to read.
 */
const ENDS = ['finish', 'cancelled', 'close'] as const;

/** A call that streams to the client, as far as it tells of its end. */
interface StreamingCall {
  readonly cancelled: boolean;
  once(event: (typeof ENDS)[number], listener: () => void): unknown;
}

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
  take(call: StreamingCall): void {
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

/** What one too many of `what` is told. */
export function tooMany(reason: ApiErrorReason, what: string, retryAfterMs: number): ApiError {
  return new ApiError(reason, `there are as many ${what} as the server allows`, { retryAfterMs });
}
