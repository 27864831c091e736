/** How a stream of changes begins, in a word. */
import { SnapshotReason } from '../gen/tapmap/v1/tap_binding_service.js';
import type { WatchStart } from './watch-request.js';

const BY_REASON = {
  [SnapshotReason.SNAPSHOT_REASON_INITIAL]: 'INITIAL',
  [SnapshotReason.SNAPSHOT_REASON_EPOCH_CHANGED]: 'EPOCH_CHANGED',
  [SnapshotReason.SNAPSHOT_REASON_JOURNAL_EXCEEDED]: 'JOURNAL_EXCEEDED',
  [SnapshotReason.SNAPSHOT_REASON_ACCESS_CHANGED]: 'ACCESS_CHANGED',
} as const;

/** A snapshot, by its reason; or changes alone. */
export type WatchBeginning =
  (typeof BY_REASON)[keyof typeof BY_REASON] | 'RESUMED' | 'UPDATES_ONLY';

export function beginningOf(start: WatchStart): WatchBeginning {
  switch (start.kind) {
    case 'snapshot':
      return BY_REASON[start.reason as keyof typeof BY_REASON];
    case 'resume':
      return 'RESUMED';
    case 'updatesOnly':
      return 'UPDATES_ONLY';
  }
}
