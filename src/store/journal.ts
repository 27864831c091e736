/** The latest changes, so that a client that comes back gets what it missed. */
import type { StoreChange } from './difference.js';

/** All changes of one revision: they happened at once. */
export interface ChangeBatch {
  readonly revision: number;
  /** When they were observed, milliseconds since the epoch. */
  readonly observedAt: number;
  /** When the revision before was last observed to be true; the same as `observedAt` in the first. */
  readonly previousObservedAt: number;
  /** Ordered by name. */
  readonly changes: readonly StoreChange[];
}

/** Stands where a batch was that is not kept any more. */
const DROPPED: ChangeBatch = { revision: 0, observedAt: 0, previousObservedAt: 0, changes: [] };

/** Batches of consecutive revisions, the oldest dropped when there are more changes than allowed. */
export class Journal {
  readonly #capacity: number;
  #batches: ChangeBatch[] = [];
  /** Batches before this index are dropped; they are cut off now and then, not each time. */
  #start = 0;
  #changes = 0;
  /** The latest revision that was appended. */
  #revision = 0;

  constructor(capacity: number) {
    this.#capacity = capacity;
  }

  append(batch: ChangeBatch): void {
    this.#batches.push(batch);
    this.#changes += batch.changes.length;
    this.#revision = batch.revision;
    while (this.#changes > this.#capacity) {
      this.#changes -= this.#batches[this.#start]!.changes.length;
      this.#batches[this.#start] = DROPPED;
      this.#start++;
    }
    if (this.#start > this.#batches.length / 2) {
      this.#batches = this.#batches.slice(this.#start);
      this.#start = 0;
    }
  }

  /** The batches after `revision`; null when some of them are dropped, or it is yet to come. */
  since(revision: number): readonly ChangeBatch[] | null {
    const missed = this.#revision - revision;
    if (missed < 0 || missed > this.#batches.length - this.#start) return null;
    return this.#batches.slice(this.#batches.length - missed);
  }
}
