/** Replays a watch stream: keeps what is known, and tells what each message makes different. */
import { TapBinding } from '../gen/tapmap/v1/tap_binding.js';
import {
  ChangeType,
  SnapshotReason,
  type Change,
  type WatchTapBindingsResponse,
} from '../gen/tapmap/v1/tap_binding_service.js';
import type { Coverage } from '../gen/tapmap/v1/coverage.js';
import type { BindingChange } from './change.js';

/** What a message completes. */
export type Told =
  | {
      readonly kind: 'snapshot';
      readonly reason: SnapshotReason;
      /** What differs from what was known before it. */
      readonly changes: readonly BindingChange[];
      readonly coverage: Coverage | null;
    }
  | { readonly kind: 'changes'; readonly changes: readonly BindingChange[] }
  | { readonly kind: 'coverage'; readonly coverage: Coverage }
  | { readonly kind: 'progress' };

interface Snapshot {
  readonly reason: SnapshotReason;
  readonly bindings: Map<string, TapBinding>;
  coverage: Coverage | null;
}

export class Replay {
  readonly #bindings: Map<string, TapBinding>;
  /** The one under way. */
  #snapshot: Snapshot | null = null;
  /** Of the batch under way. */
  #batch: Change[] = [];

  /** `known`: at the revision that the stream resumes from. */
  constructor(known: Iterable<TapBinding> = []) {
    this.#bindings = new Map();
    for (const binding of known) this.#bindings.set(binding.name, binding);
  }

  /** By resource name. Always the same map; it changes when apply() tells something, and only then. */
  get bindings(): ReadonlyMap<string, TapBinding> {
    return this.#bindings;
  }

  /** The stream broke: what was incomplete comes again, whole. */
  interrupted(): void {
    this.#snapshot = null;
    this.#batch = [];
  }

  /** Null: nothing is complete yet. */
  apply({ event }: WatchTapBindingsResponse): Told | null {
    switch (event?.$case) {
      case 'snapshotBegin':
        this.#snapshot = { reason: event.value.reason, bindings: new Map(), coverage: null };
        this.#batch = [];
        return null;
      case 'changes': {
        if (this.#snapshot !== null) {
          for (const { binding } of event.value.changes) {
            if (binding !== undefined) this.#snapshot.bindings.set(binding.name, binding);
          }
          return null;
        }
        this.#batch.push(...event.value.changes);
        if (event.value.more) return null;
        const changes = this.#applyBatch(this.#batch);
        this.#batch = [];
        return { kind: 'changes', changes };
      }
      case 'snapshotEnd': {
        if (this.#snapshot === null) return null;
        const { reason, coverage, bindings } = this.#snapshot;
        this.#snapshot = null;
        return { kind: 'snapshot', reason, changes: this.#replaceBy(bindings), coverage };
      }
      case 'coverage':
        // It is about what the snapshot will have made of the bindings.
        if (this.#snapshot === null) return { kind: 'coverage', coverage: event.value };
        this.#snapshot.coverage = event.value;
        return null;
      case 'progress':
        return { kind: 'progress' };
      case undefined:
        return null;
    }
  }

  #applyBatch(batch: readonly Change[]): BindingChange[] {
    const removed = new Map<string, BindingChange & { kind: 'removed' }>();
    for (const { type, binding, coalesced } of batch) {
      if (type !== ChangeType.CHANGE_TYPE_REMOVED || binding === undefined) continue;
      const before = this.#bindings.get(binding.name) ?? binding;
      removed.set(binding.name, { kind: 'removed', before, coalesced });
      this.#bindings.delete(binding.name);
    }
    const changes: BindingChange[] = [];
    for (const { type, binding: after, movedFrom, changedFields, coalesced } of batch) {
      if (type === ChangeType.CHANGE_TYPE_REMOVED || after === undefined) continue;
      const before = this.#bindings.get(after.name);
      const movedAway = movedFrom === '' ? undefined : removed.get(movedFrom);
      this.#bindings.set(after.name, after);
      if (before !== undefined) {
        changes.push({
          kind: 'modified',
          before,
          after,
          changedFields: changedFields ?? [],
          coalesced,
        });
      } else if (movedAway !== undefined) {
        removed.delete(movedFrom);
        changes.push({ kind: 'moved', before: movedAway.before, after, coalesced });
      } else {
        changes.push({ kind: 'added', after, movedFrom, coalesced });
      }
    }
    return [...removed.values(), ...changes];
  }

  #replaceBy(now: ReadonlyMap<string, TapBinding>): BindingChange[] {
    const coalesced = 1;
    const changes: BindingChange[] = [];
    for (const [name, before] of this.#bindings) {
      if (now.has(name)) continue;
      this.#bindings.delete(name);
      changes.push({ kind: 'removed', before, coalesced });
    }
    for (const [name, after] of now) {
      const before = this.#bindings.get(name);
      this.#bindings.set(name, after);
      if (before === undefined) {
        changes.push({ kind: 'added', after, movedFrom: '', coalesced });
      } else if (!isSame(before, after)) {
        changes.push({ kind: 'modified', before, after, changedFields: null, coalesced });
      }
    }
    return changes;
  }
}

/** A message is encoded in one way. */
function isSame(one: TapBinding, other: TapBinding): boolean {
  const bytes = (binding: TapBinding): Uint8Array => TapBinding.encode(binding).finish();
  return Buffer.compare(bytes(one), bytes(other)) === 0;
}
