/**
 * What one watcher has not been told yet: for each binding that changed, its state when the watcher
 * was last told and its state now. States are coalesced, never dropped, and there are never more of
 * them than bindings that exist or that the watcher was told of.
 */
import type { StoreChange } from '../store/difference.js';
import type { StoredBinding } from '../store/record.js';
import type { BindingFilter } from './filter.js';
import type { View } from './view.js';

/** What a watcher wants to see. */
export interface Selection {
  readonly matches: BindingFilter;
  readonly view: View;
}

export interface PendingChange {
  readonly name: string;
  /** As the watcher's last revision has it. */
  readonly before: StoredBinding | null;
  readonly after: StoredBinding | null;
  /** How many changes it stands for that the watcher could have seen. */
  readonly count: number;
  /** The name that the same device had at the watcher's last revision, when it had another. */
  readonly movedFrom: string | null;
}

interface Entry extends PendingChange {
  after: StoredBinding | null;
  count: number;
  movedFrom: string | null;
}

export class PendingChanges {
  readonly #selection: Selection;
  #entries = new Map<string, Entry>();

  constructor(selection: Selection) {
    this.#selection = selection;
  }

  get size(): number {
    return this.#entries.size;
  }

  /**
   * Takes in the changes of one revision. Returns how many of them came on top of an earlier one of the same
   * binding.
   */
  note(changes: readonly StoreChange[]): number {
    let coalesced = 0;
    for (const change of changes) if (this.#noteState(change)) coalesced++;
    for (const change of changes) {
      if (change.movedFrom !== null) this.#noteMove(change.name, change.movedFrom);
    }
    for (const { name } of changes) this.#dropIfNeverSeen(name);
    return coalesced;
  }

  /** Hands all of it over: the watcher is about to be told. */
  take(): readonly PendingChange[] {
    const taken = [...this.#entries.values()];
    this.#entries = new Map();
    return taken;
  }

  #noteState(change: StoreChange): boolean {
    const { name, before, after } = change;
    let entry = this.#entries.get(name);
    if (entry === undefined) {
      if (change.countersOnly && this.#selection.view === 'BASIC') return false;
      entry = { name, before, after, count: 0, movedFrom: null };
      this.#entries.set(name, entry);
    }
    entry.after = after;
    if (before === null) entry.movedFrom = null;
    return this.#isVisible(change) && ++entry.count > 1;
  }

  /** Leads a move back through names that the watcher never heard of. */
  #noteMove(name: string, movedFrom: string): void {
    const entry = this.#entries.get(name)!;
    const origin = this.#entries.get(movedFrom);
    if (origin?.before !== null) {
      entry.movedFrom = movedFrom;
    } else {
      entry.movedFrom = origin.movedFrom;
      entry.count += origin.count;
    }
  }

  #dropIfNeverSeen(name: string): void {
    const entry = this.#entries.get(name);
    if (entry?.after === null && !this.#isSelected(entry.before)) this.#entries.delete(name);
  }

  #isVisible({ before, after, countersOnly }: StoreChange): boolean {
    if (countersOnly && this.#selection.view === 'BASIC') return false;
    return this.#isSelected(before) || this.#isSelected(after);
  }

  #isSelected(record: StoredBinding | null): boolean {
    return record !== null && this.#selection.matches(record);
  }
}
