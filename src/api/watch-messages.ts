/** The messages of a watch stream, encoded: made as they are asked for, from what does not change meanwhile. */
import type { Change, SnapshotReason } from '../gen/tapmap/v1/tap_binding_service.js';
import { WatchTapBindingsResponse } from '../gen/tapmap/v1/tap_binding_service.js';
import type { StoreSnapshot } from '../store/binding-store.js';
import type { StoredCoverage } from '../store/coverage.js';
import type { ChangeBatch } from '../store/journal.js';
import type { ChangesFrom } from './change-messages.js';
import { addedMessages, changeMessages } from './change-messages.js';
import { chunks } from './chunks.js';
import type { ServiceContext } from './context.js';
import { coverageMessage } from './coverage-message.js';
import type { Limits } from './limits.js';
import type { Selection } from './pending-changes.js';
import type { ResumePoint } from './resume-token.js';
import { encodeResumeToken } from './resume-token.js';
import { type Messages, NO_MORE } from './shared-messages.js';

/** How far a watcher is, with the message that is made. */
export interface Position extends ResumePoint {
  /** Milliseconds since the epoch. */
  readonly observedAt: number;
}

/** From `snapshot_begin` to `snapshot_end`. */
export function snapshotMessages(
  context: ServiceContext,
  snapshot: StoreSnapshot,
  selection: Selection,
  redacted: boolean,
  reason: SnapshotReason,
): Messages {
  const position = { ...snapshot, redacted };
  const added = addedMessages(snapshot.records, selection, context.node);
  const end = single(() => message(position, { $case: 'snapshotEnd', value: {} }, 'resumable'));
  const coverage = single(() => {
    const value = coverageMessage(snapshot.coverage, selection.view);
    return message(position, { $case: 'coverage', value }, 'inside');
  }, end);
  const bindings = inChunks(context.limits, added, coverage, (changes, last) =>
    message(position, changesEvent(changes, !last), 'inside'),
  );
  const begin = (): Buffer =>
    message(position, { $case: 'snapshotBegin', value: { reason } }, 'inside');
  return single(begin, () => bindings() ?? coverage());
}

/** One atomic batch that leads to `position`, and then `rest`. When it is empty: nothing, and no `rest` either. */
export function batchMessages(
  context: ServiceContext,
  changes: ChangesFrom,
  position: Position,
  rest: Messages = NO_MORE,
): Messages {
  return inChunks(context.limits, changes, rest, (items, last) =>
    message(position, changesEvent(items, !last), last ? 'resumable' : 'inside'),
  );
}

/**
 * What was missed since `from`, seen to be true until `seenAt`: each missed revision as a batch of its own. They
 * are known one by one, none is coalesced.
 */
export function missedMessages(
  context: ServiceContext,
  from: ResumePoint,
  seenAt: number,
  missed: readonly ChangeBatch[],
  selection: Selection,
): Messages {
  const batchesFrom = (first: number): Messages => {
    return () => {
      for (let at = first; at < missed.length; at++) {
        const { revision, observedAt, changes } = missed[at]!;
        const told = changeMessages(changes, selection, context.node);
        const position = { ...from, revision, observedAt };
        const batch = batchMessages(context, told, position, batchesFrom(at + 1))();
        if (batch !== null) return batch;
      }
      return null;
    };
  };
  return single(() => progressMessage({ ...from, observedAt: seenAt }), batchesFrom(0));
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

function single(make: () => Buffer, rest: Messages = NO_MORE): Messages {
  return () => ({ bytes: make(), rest });
}

/** As many messages as `changes` need, and then `rest`. When there are no changes: nothing, and no `rest` either. */
function inChunks(
  limits: Limits,
  changes: ChangesFrom,
  rest: Messages,
  encode: (changes: Change[], last: boolean) => Buffer,
): Messages {
  const messagesFrom = (first: number): Messages => {
    return () => {
      const made = chunks(changes(first), limits, false, (items: Change[], next) => ({
        bytes: encode(items, next === null),
        rest: next === null ? rest : messagesFrom(next.at),
      })).next();
      return made.done === true ? null : made.value;
    };
  };
  return messagesFrom(0);
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
