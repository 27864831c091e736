/** The messages of a watch stream. */
import type { Change, WatchTapBindingsResponse } from '../gen/tapmap/v1/tap_binding_service.js';
import type { SnapshotReason } from '../gen/tapmap/v1/tap_binding_service.js';
import type { StoreSnapshot } from '../store/binding-store.js';
import type { StoredCoverage } from '../store/coverage.js';
import type { Sized } from './change-messages.js';
import { addedMessage } from './change-messages.js';
import { chunks } from './chunks.js';
import type { ServiceContext } from './context.js';
import { coverageMessage } from './coverage-message.js';
import type { Selection } from './pending-changes.js';
import type { Outgoing } from './response-stream.js';
import type { ResumePoint } from './resume-token.js';
import { encodeResumeToken } from './resume-token.js';

export type WatchMessage = Outgoing<WatchTapBindingsResponse>;

/** How far a watcher is, with the message that is made. */
export interface Position extends ResumePoint {
  /** Milliseconds since the epoch. */
  readonly observedAt: number;
}

/** All but the bindings themselves: an epoch, a token, a coverage with 200 names of errors. */
const ENVELOPE = 256;
const COVERAGE = 8192;

/** From `snapshot_begin` to `snapshot_end`, made as they are asked for. */
export function* snapshotMessages(
  context: ServiceContext,
  snapshot: StoreSnapshot,
  selection: Selection,
  redacted: boolean,
  reason: SnapshotReason,
): Generator<WatchMessage> {
  const position = { ...snapshot, redacted };
  yield message(position, { $case: 'snapshotBegin', value: { reason } }, 'inside');
  const added = snapshotChanges(context, snapshot, selection);
  for (const { items, size, last } of chunks(added, context.limits, false)) {
    yield message(position, changesEvent(items, !last), 'inside', size);
  }
  const coverage = coverageMessage(snapshot.coverage, selection.view);
  yield message(position, { $case: 'coverage', value: coverage }, 'inside', COVERAGE);
  yield message(position, { $case: 'snapshotEnd', value: {} }, 'resumable');
}

/** One atomic batch that leads to `position`, made as it is asked for; nothing when it is empty. */
export function* batchMessages(
  context: ServiceContext,
  changes: Iterable<Sized<Change>>,
  position: Position,
): Generator<WatchMessage> {
  for (const { items, size, last } of chunks(changes, context.limits, false)) {
    yield message(position, changesEvent(items, !last), last ? 'resumable' : 'inside', size);
  }
}

export function coverageChangedMessage(
  position: Position,
  coverage: StoredCoverage,
  { view }: Selection,
): WatchMessage {
  const value = coverageMessage(coverage, view);
  return message(position, { $case: 'coverage', value }, 'resumable', COVERAGE);
}

export function progressMessage(position: Position): WatchMessage {
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
  size = 0,
): WatchMessage {
  const response: WatchTapBindingsResponse = {
    epoch: position.epoch,
    revision: BigInt(position.revision),
    resumeToken: place === 'inside' ? '' : encodeResumeToken(position),
    observeTime: new Date(position.observedAt),
    event,
  };
  return { message: response, size: ENVELOPE + size };
}
