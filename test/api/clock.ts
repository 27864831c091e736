/** A clock that the test moves. Unlike node:test's, its timers know `refresh()`. */
import type { TestContext } from 'node:test';

class FakeTimer {
  #due: number | null = null;

  constructor(
    readonly clock: Clock,
    readonly callback: () => void,
    readonly delay: number,
  ) {
    this.refresh();
  }

  get due(): number | null {
    return this.#due;
  }

  refresh(): this {
    this.#due = this.clock.now + this.delay;
    return this;
  }

  clear(): void {
    this.#due = null;
  }
}

export class Clock {
  now = 0;
  readonly #timers: FakeTimer[] = [];

  /** Takes the place of setTimeout and clearTimeout until the test ends. */
  constructor(test: TestContext) {
    test.mock.method(globalThis, 'setTimeout', (callback: () => void, delay: number) => {
      const timer = new FakeTimer(this, callback, delay);
      this.#timers.push(timer);
      return timer;
    });
    test.mock.method(globalThis, 'clearTimeout', (timer: FakeTimer) => {
      timer.clear();
    });
  }

  /** How many timers are set. */
  get pending(): number {
    return this.#timers.filter(({ due }) => due !== null).length;
  }

  /** Moves on by `milliseconds`, calling what is due on the way. */
  tick(milliseconds: number): void {
    const end = this.now + milliseconds;
    for (let next = this.#next(end); next !== null; next = this.#next(end)) {
      this.now = next.due ?? this.now;
      next.clear();
      next.callback();
    }
    this.now = end;
  }

  #next(end: number): FakeTimer | null {
    let first: FakeTimer | null = null;
    for (const timer of this.#timers) {
      if (timer.due === null || timer.due > end) continue;
      if (first?.due == null || timer.due < first.due) first = timer;
    }
    return first;
  }
}
