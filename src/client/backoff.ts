/** How long to wait before a server is tried again. */

/** Milliseconds. */
export interface BackoffOptions {
  /** Before the first try after a connection broke. Default: 100. */
  readonly first?: number | undefined;
  /** The longest: it doubles from try to try. Default: 5000. */
  readonly most?: number | undefined;
}

/** Of what a server may ask for, milliseconds. */
const ASKED = { least: 10, most: 60_000 };

/** Waits that double, with jitter, so that clients of a server that comes back do not come at once. */
export class Backoff {
  readonly #first: number;
  readonly #most: number;
  readonly #random: () => number;
  #next: number;

  /** `random` is from 0 up to 1. */
  constructor({ first = 100, most = 5000 }: BackoffOptions = {}, random = Math.random) {
    this.#first = first;
    this.#most = most;
    this.#random = random;
    this.#next = first;
  }

  /** It works again. */
  reset(): void {
    this.#next = this.#first;
  }

  /** Milliseconds. `retryAfter` is what the server asks for: never less than that, but bounded. */
  next(retryAfter: number | null): number {
    const own = this.#next * (0.5 + this.#random() / 2);
    this.#next = Math.min(this.#next * 2, this.#most);
    if (retryAfter === null) return own;
    const asked = Math.min(Math.max(retryAfter, ASKED.least), ASKED.most);
    return Math.max(own, asked * (1 + this.#random() / 5));
  }
}
