/** The messages of a watch stream, encoded. */
import type { Change, SnapshotReason } from '../gen/tapmap/v1/tap_binding_service.js';
import { WatchTapBindingsResponse } from '../gen/tapmap/v1/tap_binding_service.js';
import type { StoreSnapshot } from '../store/binding-store.js';
import type { StoredCoverage } from '../store/coverage.js';
import type { Sized } from './change-messages.js';
import { addedMessage } from './change-messages.js';
import { chunks } from './chunks.js';
import type { ServiceContext } from './context.js';
import { coverageMessage } from './coverage-message.js';
import type { Selection } from './pending-changes.js';
import type { ResumePoint } from './resume-token.js';
import { encodeResumeToken } from './resume-token.js';

/** How far a watcher is, with the message that is made. */
export interface Position extends ResumePoint {
  /** Milliseconds since the epoch. */
  readonly observedAt: number;
}

/** From `snapshot_begin` to `snapshot_end`, made as they are asked for. */
export function* snapshotMessages(
  context: ServiceContext,
  snapshot: StoreSnapshot,
  selection: Selection,
  redacted: boolean,
  reason: SnapshotReason,
): Generator<Buffer> {
  const position = { ...snapshot, redacted };
  yield message(position, { $case: 'snapshotBegin', value: { reason } }, 'inside');
  const added = snapshotChanges(context, snapshot, selection);
  yield* chunks(added, context.limits, false, (items, last) => {
    return message(position, changesEvent(items, !last), 'inside');
  });
  const coverage = coverageMessage(snapshot.coverage, selection.view);
  yield message(position, { $case: 'coverage', value: coverage }, 'inside');
  yield message(position, { $case: 'snapshotEnd', value: {} }, 'resumable');
}

/** One atomic batch that leads to `position`, made as it is asked for; nothing when it is empty. */
export function batchMessages(
  context: ServiceContext,
  changes: Iterable<Sized<Change>>,
  position: Position,
): Generator<Buffer> {
  return chunks(changes, context.limits, false, (items, last) => {
    return message(position, changesEvent(items, !last), last ? 'resumable' : 'inside');
  });
}

export function coverageChangedMessage(
  position: Position,
  coverage: StoredCoverage,
  { view }: Selection,
): Buffer {
  const value = coverageMessage(coverage, view);
  return message(position, { $case: 'coverage', value }, 'resumable');
}

export function progressMessage(position: Position): Buffer {
  return message(position, { $case: 'progress', value: {} }, 'resumable');
}

function* snapshotChanges(
  context: ServiceContext,
  snapshot: StoreSnapshot,
  selection: Selection,
): Generator<Sized<Change>> {
  for (const record of snapshot.records) {
    if (selection.matches(record)) yield addedMessage(record, selection, context.node);
  }
}

function changesEvent(changes: Change[], more: boolean): WatchTapBindingsResponse['event'] {
  return { $case: 'changes', value: { changes, more } };
}

function message(
  position: Position,
  event: WatchTapBindingsResponse['event'],
  place: 'resumable' | 'inside',
): Buffer {
  const response = WatchTapBindingsResponse.encode({
    epoch: position.epoch,
    revision: BigInt(position.revision),
    resumeToken: place === 'inside' ? '' : encodeResumeToken(position),
    observeTime: new Date(position.observedAt),
    event,
  });
  return Buffer.from(response.finish());
}
