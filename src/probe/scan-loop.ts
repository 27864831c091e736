/** Scans at an interval, and at once when the server asks. */
import { setTimeout as delay } from 'node:timers/promises';

export class ScanLoop {
  /** Requests that no scan has begun for. */
  #asked: number[] = [];
  #wake: AbortController | null = null;

  constructor(
    private readonly interval: number,
    /** Scans, and tells the server; `answers` are the requests that came before it began. */
    private readonly scan: (answers: readonly number[]) => Promise<void>,
  ) {}

  /** A scan that begins from now on answers this request. */
  ask(id: number): void {
    this.#asked.push(id);
    this.#wake?.abort();
  }

  /** Ends only by an error. */
  async run(): Promise<never> {
    while (true) {
      const began = performance.now();
      const answers = this.#asked;
      this.#asked = [];
      await this.scan(answers);
      const took = performance.now() - began;
      // At least as long a rest as the work took: on a host so large that a scan takes longer than
      // the interval, half of one core is enough.
      await this.#rest(Math.max(this.interval - took, took));
    }
  }

  async #rest(milliseconds: number): Promise<void> {
    if (this.#asked.length > 0) return;
    this.#wake = new AbortController();
    try {
      await delay(milliseconds, undefined, { signal: this.#wake.signal });
    } catch {
      // Woken up: somebody asked.
    } finally {
      this.#wake = null;
    }
  }
}
