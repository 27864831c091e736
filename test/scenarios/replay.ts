// A client of Watch that does what the API tells it to do, and nothing else.
import assert from 'node:assert/strict';
import type { Coverage } from '../../src/gen/tapmap/v1/coverage.js';
import type { TapBinding } from '../../src/gen/tapmap/v1/tap_binding.js';
import {
  ChangeType,
  type Change,
  type WatchTapBindingsResponse,
} from '../../src/gen/tapmap/v1/tap_binding_service.js';

export class Replay {
  /** Revision that all of is known of. */
  revision = -1n;
  /** Each whole batch of changes outside snapshots. */
  readonly batches: (readonly Change[])[] = [];
  /** What could not be seen, as told last. */
  coverage: Coverage | null = null;
  #bindings = new Map<string, TapBinding>();
  #snapshot: Map<string, TapBinding> | null = null;
  #batch: Change[] = [];

  /** All bindings, as of the last whole batch. */
  bindings(): TapBinding[] {
    return [...this.#bindings.values()];
  }

  /** All bindings at that revision, by name; null when it has moved on, or is not there yet. */
  at(revision: bigint): TapBinding[] | null {
    if (this.revision !== revision) return null;
    return [...this.#bindings.values()].sort((a, b) => (a.name < b.name ? -1 : 1));
  }

  apply({ event, revision }: WatchTapBindingsResponse): void {
    switch (event?.$case) {
      case 'snapshotBegin':
        this.#snapshot = new Map();
        return;
      case 'snapshotEnd':
        assert.ok(this.#snapshot !== null, 'a snapshot ends that did not begin');
        this.#bindings = this.#snapshot;
        this.#snapshot = null;
        break;
      case 'changes':
        if (this.#snapshot !== null) {
          for (const { binding } of event.value.changes)
            this.#snapshot.set(binding!.name, binding!);
          return;
        }
        this.#batch.push(...event.value.changes);
        if (event.value.more) return;
        this.#applyBatch();
        break;
      case 'coverage':
        this.coverage = event.value;
        return;
      default:
        if (this.#snapshot !== null) return;
    }
    this.revision = revision;
  }

  #applyBatch(): void {
    for (const { type, binding } of this.#batch) {
      const { name } = binding!;
      const known = this.#bindings.has(name);
      assert.equal(known, type !== ChangeType.CHANGE_TYPE_ADDED, `${name}: change of type ${type}`);
      if (type === ChangeType.CHANGE_TYPE_REMOVED) this.#bindings.delete(name);
      else this.#bindings.set(name, binding!);
    }
    this.batches.push(this.#batch);
    this.#batch = [];
  }
}
