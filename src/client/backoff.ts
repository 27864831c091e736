/** How long to wait before a server is tried again. */

/** Milliseconds. The server may ask for up to `most`. */
const OWN = { first: 100, most: 5000 };
const ASKED = { least: 10, most: 60_000 };

/** Waits that double, with jitter, so that clients of a server that comes back do not come at once. */
export class Backoff {
  #next = OWN.first;
  readonly #random: () => number;

  /** `random` is from 0 up to 1. */
  constructor(random: () => number = Math.random) {
    this.#random = random;
  }

  /** It works again. */
  reset(): void {
    this.#next = OWN.first;
  }

  /** Milliseconds. `retryAfter` is what the server asks for: never less than that, but bounded. */
  next(retryAfter: number | null): number {
    const own = this.#next * (0.5 + this.#random() / 2);
    this.#next = Math.min(this.#next * 2, OWN.most);
    if (retryAfter === null) return own;
    const asked = Math.min(Math.max(retryAfter, ASKED.least), ASKED.most);
    return Math.max(own, asked * (1 + this.#random() / 5));
  }
}
