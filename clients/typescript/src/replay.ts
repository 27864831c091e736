/** What is known of the host after the messages of a watch so far. */
import { verdictToJSON, type TapBinding } from '../gen/tapmap/v1/tap_binding.js';
import {
  ChangeType,
  snapshotReasonToJSON,
  type Change,
  type SnapshotReason,
  type WatchTapBindingsResponse,
} from '../gen/tapmap/v1/tap_binding_service.js';

export interface BindingRecord {
  name: string;
  device: string;
  netns: string;
  verdict: string;
  holders: { pid: number; comm: string }[];
}

export type WatchEvent =
  | { event: 'snapshot'; reason: string; dropped: string[]; bindings: BindingRecord[] }
  | { event: 'added'; moved_from: string; binding: BindingRecord }
  | { event: 'modified'; fields: string[]; binding: BindingRecord }
  | { event: 'removed'; binding: BindingRecord }
  | { event: 'coverage'; stale: boolean };

export function recordOf({ name, device, verdict, holders }: TapBinding): BindingRecord {
  const netns = device?.netns;
  return {
    name,
    device: device?.name ?? '',
    netns: netns?.paths[0] ?? `net:[${netns?.inode ?? 0n}]`,
    verdict: verdictToJSON(verdict).replace('VERDICT_', ''),
    holders: holders.map(({ process }) => ({ pid: process?.pid ?? 0, comm: process?.comm ?? '' })),
  };
}

type Bindings = Map<string, TapBinding>;

export class Replay {
  known: Bindings = new Map();
  /** Where to go on after a reconnect: the token of the last message that had one. */
  resumeToken = '';
  /** What came of a snapshot so far. */
  #snapshot: { reason: SnapshotReason; bindings: Bindings } | undefined;
  /** What came of a batch so far. */
  #batch: Change[] = [];
  #stale = false;

  /** Forgets what was incomplete: it comes again, whole. */
  interrupted(): void {
    this.#snapshot = undefined;
    this.#batch = [];
  }

  /** Takes in one message and tells what it makes different. */
  apply({ event, resumeToken }: WatchTapBindingsResponse): WatchEvent[] {
    if (resumeToken !== '') this.resumeToken = resumeToken;
    switch (event?.$case) {
      case 'snapshotBegin':
        this.#snapshot = { reason: event.value.reason, bindings: new Map() };
        return [];
      case 'changes':
        if (this.#snapshot !== undefined) {
          for (const { binding } of event.value.changes) {
            if (binding !== undefined) this.#snapshot.bindings.set(binding.name, binding);
          }
          return [];
        }
        this.#batch.push(...event.value.changes);
        return event.value.more ? [] : this.#applyBatch();
      case 'snapshotEnd':
        return this.#endSnapshot();
      case 'coverage': {
        const stale = event.value.stale !== undefined;
        if (stale === this.#stale) return [];
        this.#stale = stale;
        return [{ event: 'coverage', stale }];
      }
      default:
        return [];
    }
  }

  #applyBatch(): WatchEvent[] {
    const batch = this.#batch;
    this.#batch = [];
    return batch.flatMap(({ type, binding, changedFields, movedFrom }): WatchEvent[] => {
      if (binding === undefined) return [];
      const record = recordOf(binding);
      if (type === ChangeType.CHANGE_TYPE_REMOVED) {
        this.known.delete(binding.name);
        return [{ event: 'removed', binding: record }];
      }
      this.known.set(binding.name, binding);
      return type === ChangeType.CHANGE_TYPE_MODIFIED
        ? [{ event: 'modified', fields: changedFields ?? [], binding: record }]
        : [{ event: 'added', moved_from: movedFrom, binding: record }];
    });
  }

  /** Drops what was known and is not in the snapshot. */
  #endSnapshot(): WatchEvent[] {
    if (this.#snapshot === undefined) return [];
    const { reason, bindings } = this.#snapshot;
    const dropped = [...this.known.keys()].filter((name) => !bindings.has(name)).sort();
    this.known = bindings;
    this.#snapshot = undefined;
    return [
      {
        event: 'snapshot',
        reason: snapshotReasonToJSON(reason).replace('SNAPSHOT_REASON_', ''),
        dropped,
        bindings: [...bindings.keys()].sort().map((name) => recordOf(bindings.get(name)!)),
      },
    ];
  }
}
