/** Replays a watch stream: keeps what is known, and tells what each message makes different. */
import { ChangeType, type WatchTapBindingsResponse } from '../gen/tapmap/v1/tap_binding_service.js';
import type { Change } from '../gen/tapmap/v1/tap_binding_service.js';
import type { Coverage } from '../gen/tapmap/v1/coverage.js';
import type { TapBinding } from '../gen/tapmap/v1/tap_binding.js';

export type Difference =
  | { readonly kind: 'added'; readonly after: TapBinding; readonly movedFrom: string }
  | { readonly kind: 'removed'; readonly before: TapBinding }
  | {
      readonly kind: 'modified';
      readonly before: TapBinding;
      readonly after: TapBinding;
      /** As the server names them. Empty after a snapshot. */
      readonly fields: readonly string[];
    }
  | { readonly kind: 'moved'; readonly before: TapBinding; readonly after: TapBinding };

export type Told =
  /** The first snapshot is complete: see `bindings`. */
  | { readonly kind: 'snapshot' }
  | {
      readonly kind: 'differences';
      readonly differences: readonly Difference[];
      readonly time: Date;
    }
  | { readonly kind: 'coverage'; readonly coverage: Coverage };

export class Replay {
  #bindings = new Map<string, TapBinding>();
  /** Of the snapshot under way. */
  #snapshot: Map<string, TapBinding> | null = null;
  /** Of the batch under way. */
  #batch: Change[] = [];
  #synced = false;

  get inSnapshot(): boolean {
    return this.#snapshot !== null;
  }

  get bindings(): TapBinding[] {
    return [...this.#bindings.values()];
  }

  /** The stream broke: what was incomplete comes again, whole. */
  interrupted(): void {
    this.#snapshot = null;
    this.#batch = [];
  }

  /** Null: nothing to tell, or not yet. */
  apply({ event, observeTime }: WatchTapBindingsResponse): Told | null {
    const time = observeTime ?? new Date();
    switch (event?.$case) {
      case 'snapshotBegin':
        this.#snapshot = new Map();
        this.#batch = [];
        return null;
      case 'changes': {
        if (this.#snapshot !== null) {
          for (const { binding } of event.value.changes) {
            if (binding !== undefined) this.#snapshot.set(binding.name, binding);
          }
          return null;
        }
        this.#batch.push(...event.value.changes);
        if (event.value.more) return null;
        const differences = this.#applyBatch(this.#batch);
        this.#batch = [];
        return { kind: 'differences', differences, time };
      }
      case 'snapshotEnd':
        return this.#endSnapshot(time);
      case 'coverage':
        return { kind: 'coverage', coverage: event.value };
      case 'progress':
      case undefined:
        return null;
    }
  }

  #applyBatch(changes: readonly Change[]): Difference[] {
    const removed = new Map<string, TapBinding>();
    for (const { type, binding } of changes) {
      if (type !== ChangeType.CHANGE_TYPE_REMOVED || binding === undefined) continue;
      removed.set(binding.name, this.#bindings.get(binding.name) ?? binding);
      this.#bindings.delete(binding.name);
    }
    const differences: Difference[] = [];
    for (const { type, binding, movedFrom, changedFields } of changes) {
      if (type === ChangeType.CHANGE_TYPE_REMOVED || binding === undefined) continue;
      const before = this.#bindings.get(binding.name);
      const movedAway = movedFrom === '' ? undefined : removed.get(movedFrom);
      this.#bindings.set(binding.name, binding);
      if (before !== undefined) {
        const fields = changedFields ?? [];
        differences.push({ kind: 'modified', before, after: binding, fields });
      } else if (movedAway !== undefined) {
        removed.delete(movedFrom);
        differences.push({ kind: 'moved', before: movedAway, after: binding });
      } else {
        differences.push({ kind: 'added', after: binding, movedFrom });
      }
    }
    const gone = [...removed.values()].map((before): Difference => ({ kind: 'removed', before }));
    return [...gone, ...differences];
  }

  #endSnapshot(time: Date): Told | null {
    const now = this.#snapshot;
    if (now === null) return null;
    const then = this.#bindings;
    this.#bindings = now;
    this.#snapshot = null;
    if (!this.#synced) {
      this.#synced = true;
      return { kind: 'snapshot' };
    }
    const differences: Difference[] = [];
    for (const [name, before] of then) {
      if (!now.has(name)) differences.push({ kind: 'removed', before });
    }
    for (const [name, after] of now) {
      const before = then.get(name);
      differences.push(
        before === undefined
          ? { kind: 'added', after, movedFrom: '' }
          : { kind: 'modified', before, after, fields: [] },
      );
    }
    return { kind: 'differences', differences, time };
  }
}
