/**
 * Lets all watchers that have news send them in turns, each of them once in a turn, and not all of the time:
 * after each turn the server rests at least as long as that took. What happens meanwhile is sent as one, so
 * that many watchers of many changes get fewer and larger batches, not later and later ones.
 */
export class FanOut {
  /** Called in this turn; null between turns. */
  #called: Set<() => void> | null = null;
  /** For the next turn. */
  #waiting = new Set<() => void>();
  #timer: NodeJS.Timeout | null = null;
  /** The next turn does not begin before this time of performance.now(). */
  #rested = 0;

  /** Has `pump` called, now or in the next turn. */
  request(pump: () => void): void {
    if (this.#called === null && this.#timer === null && performance.now() >= this.#rested) {
      this.#beginTurn();
    }
    if (this.#called === null || this.#called.has(pump)) {
      this.#waiting.add(pump);
      this.#planTurn();
    } else {
      this.#called.add(pump);
      pump();
    }
  }

  /** It is not to be called any more. */
  cancel(pump: () => void): void {
    this.#waiting.delete(pump);
  }

  #beginTurn(): void {
    const begin = performance.now();
    this.#called = new Set();
    // What was written is sent by then: that costs more than the writing.
    setImmediate(() => {
      const end = performance.now();
      this.#rested = end + (end - begin);
      this.#called = null;
      if (this.#waiting.size > 0) this.#planTurn();
    });
  }

  #planTurn(): void {
    if (this.#called !== null || this.#timer !== null) return;
    this.#timer = setTimeout(
      () => {
        this.#timer = null;
        const pumps = this.#waiting;
        this.#waiting = new Set();
        for (const pump of pumps) this.request(pump);
      },
      Math.max(this.#rested - performance.now(), 0),
    );
  }
}
