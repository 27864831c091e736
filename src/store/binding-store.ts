/**
 * The current state of the host and the one clock of revisions: an observation that differs from
 * the current state makes the next revision, told to all subscribers as one batch.
 */
import { randomUUID } from 'node:crypto';
import type { Observation } from '../model/observation.js';
import type { StoredCoverage } from './coverage.js';
import { coverageDiffers } from './coverage.js';
import { byName, difference } from './difference.js';
import { StoreError } from './error.js';
import type { ChangeBatch } from './journal.js';
import { Journal } from './journal.js';
import type { StoredBinding } from './record.js';

const JOURNAL_CHANGES = 100_000;

export interface BindingStoreOptions {
  /** How many changes the journal keeps. Default: 100,000. */
  readonly journalChanges?: number;
  /** Milliseconds since the epoch. */
  readonly now?: () => number;
}

/** One state of the host. Holders of a snapshot keep it as it is while the store moves on. */
export interface StoreSnapshot {
  readonly epoch: string;
  readonly revision: number;
  /** When this state was last observed, milliseconds since the epoch. */
  readonly observedAt: number;
  /** Sorted by name. */
  readonly records: readonly StoredBinding[];
  readonly coverage: StoredCoverage;
  readonly coverageRevision: number;
}

/** What happened at once: a new revision, another coverage, or both. */
export interface StoreEvent {
  readonly batch: ChangeBatch | null;
  readonly coverageChanged: boolean;
}

export type StoreListener = (event: StoreEvent) => void;

export class BindingStore {
  /** Opaque; revisions of different epochs cannot be compared. */
  readonly epoch = randomUUID();
  readonly #now: () => number;
  readonly #journal: Journal;
  readonly #records = new Map<string, StoredBinding>();
  readonly #listeners = new Set<StoreListener>();
  #revision = 0;
  #observedAt = 0;
  #coverage: StoredCoverage | null = null;
  #coverageRevision = 0;
  /** Null when names came or went since it was made. */
  #names: readonly string[] | null = null;
  /** Null when anything changed since it was made. */
  #sorted: readonly StoredBinding[] | null = null;

  constructor(options: BindingStoreOptions = {}) {
    this.#journal = new Journal(options.journalChanges ?? JOURNAL_CHANGES);
    this.#now = options.now ?? Date.now;
  }

  /** 0 before the first observation, which is revision 1 even if it found nothing. */
  get revision(): number {
    return this.#revision;
  }

  /** Counts the changes of coverage that subscribers are told of. */
  get coverageRevision(): number {
    return this.#coverageRevision;
  }

  /** Time of the latest observation, changes or not, milliseconds since the epoch. */
  get observedAt(): number {
    return this.#observedAt;
  }

  /** An observation has been applied. */
  get ready(): boolean {
    return this.#coverage !== null;
  }

  /** What could not be seen in the latest observation. Throws StoreError NOT_READY before one. */
  get coverage(): StoredCoverage {
    if (this.#coverage === null) throw new StoreError('NOT_READY', 'nothing was observed yet');
    return this.#coverage;
  }

  /**
   * Takes the next observation in and tells the subscribers what it changed. Returns the new
   * revision's batch, or null when no binding differs. Throws StoreError NO_BASE, and takes nothing
   * in, when a partial observation comes before any full one.
   */
  apply(observation: Observation): ChangeBatch | null {
    if (!this.ready && !observation.full) {
      throw new StoreError('NO_BASE', 'a partial observation came before any full one');
    }
    const { observedAt } = observation;
    const previousObservedAt = this.ready ? this.#observedAt : observedAt;
    const changes = difference(this.#records, observation, previousObservedAt);
    const isNews = changes.length > 0 || !this.ready;
    const coverageChanged = this.#setCoverage({ ...observation.coverage, stale: null });
    this.#observedAt = observedAt;

    let batch: ChangeBatch | null = null;
    if (isNews) {
      batch = { revision: ++this.#revision, observedAt, previousObservedAt, changes };
      this.#take(batch);
    }
    if (batch !== null || coverageChanged) this.#tell({ batch, coverageChanged });
    return batch;
  }

  /** No observation can be had: what is kept is what was last seen, until the next one is applied. */
  markStale(reason: string): void {
    if (this.#coverage === null) return;
    const since = this.#coverage.stale?.since ?? this.#now();
    const coverageChanged = this.#setCoverage({ ...this.#coverage, stale: { since, reason } });
    if (coverageChanged) this.#tell({ batch: null, coverageChanged });
  }

  /** What there is now, in no order, to be read at once. */
  get records(): Iterable<StoredBinding> {
    return this.#records.values();
  }

  /** The current state. Cheap when nothing changed since the last call. */
  snapshot(): StoreSnapshot {
    const { epoch, coverage } = this;
    return {
      epoch,
      revision: this.#revision,
      observedAt: this.#observedAt,
      records: this.#sortedRecords(),
      coverage,
      coverageRevision: this.#coverageRevision,
    };
  }

  /** The batches after `revision`, or null when the journal does not reach back to it. */
  changesSince(revision: number): readonly ChangeBatch[] | null {
    return this.#journal.since(revision);
  }

  /**
   * Calls `listener` synchronously with all that happens from now on, until the returned function
   * is called. A listener must not throw.
   */
  subscribe(listener: StoreListener): () => void {
    // A function of its own, so that one listener may subscribe twice.
    const own: StoreListener = (event) => {
      listener(event);
    };
    this.#listeners.add(own);
    return () => {
      this.#listeners.delete(own);
    };
  }

  /** How many subscriptions there are. */
  get subscribers(): number {
    return this.#listeners.size;
  }

  #take(batch: ChangeBatch): void {
    for (const { name, before, after } of batch.changes) {
      if (after === null) this.#records.delete(name);
      else this.#records.set(name, after);
      if (after === null || before === null) this.#names = null;
    }
    this.#sorted = null;
    this.#journal.append(batch);
  }

  #setCoverage(coverage: StoredCoverage): boolean {
    const before = this.#coverage;
    this.#coverage = coverage;
    if (before !== null && !coverageDiffers(before, coverage)) return false;
    this.#coverageRevision++;
    return true;
  }

  #tell(event: StoreEvent): void {
    // A copy: who subscribes while this is told has seen it already.
    for (const listener of [...this.#listeners]) {
      if (this.#listeners.has(listener)) listener(event);
    }
  }

  #sortedRecords(): readonly StoredBinding[] {
    if (this.#sorted !== null) return this.#sorted;
    if (this.#names === null) {
      const sorted = [...this.#records.values()].sort(byName);
      this.#names = sorted.map(({ name }) => name);
      this.#sorted = sorted;
    } else {
      this.#sorted = this.#names.map((name) => this.#records.get(name)!);
    }
    return this.#sorted;
  }
}
