/** Waits between restarts that double while nothing gets better. */
export class Backoff {
  #next: number;

  /** Milliseconds. */
  constructor(
    readonly first: number,
    readonly limit: number,
  ) {
    this.#next = first;
  }

  /** How long to wait before the next try, milliseconds. */
  next(): number {
    const wait = this.#next;
    this.#next = Math.min(wait * 2, this.limit);
    return wait;
  }

  reset(): void {
    this.#next = this.first;
  }
}
