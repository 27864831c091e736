/** What a watcher asks for, and from where it goes on. */
import { createHash } from 'node:crypto';
import type { Access } from '../access/policy.js';
import type { Duration } from '../gen/google/protobuf/duration.js';
import { SnapshotReason, WatchTapBindingsRequest } from '../gen/tapmap/v1/tap_binding_service.js';
import type { BindingStore } from '../store/binding-store.js';
import type { ChangeBatch } from '../store/journal.js';
import type { FieldViolation } from './error.js';
import { throwViolations } from './error.js';
import { parseFilters } from './filter.js';
import type { Selection } from './pending-changes.js';
import type { ResumePoint } from './resume-token.js';
import { decodeResumeToken } from './resume-token.js';
import { parseView, visiblePart } from './view.js';

const PROGRESS_DEFAULT_MS = 30_000;
const PROGRESS_MIN_MS = 100;
const PROGRESS_MAX_MS = 3_600_000;

export interface WatchPlan {
  readonly selection: Selection;
  /** The same for whoever asks for the same selection. */
  readonly selectionKey: string;
  /** Whether the access policy withholds command lines. */
  readonly redacted: boolean;
  /** Null: none was given. */
  readonly resumeFrom: ResumePoint | null;
  readonly updatesOnly: boolean;
  readonly progressMs: number;
}

/** How the stream begins. */
export type WatchStart =
  | { readonly kind: 'snapshot'; readonly reason: SnapshotReason }
  | { readonly kind: 'resume'; readonly from: ResumePoint; readonly missed: readonly ChangeBatch[] }
  | { readonly kind: 'updatesOnly' };

/** Throws ApiError INVALID_REQUEST. */
export function parseWatchRequest(request: WatchTapBindingsRequest, access: Access): WatchPlan {
  const violations: FieldViolation[] = [];
  const matches = parseFilters(request.filter, violations);
  const asked = parseView(request.view, violations);
  const resumeFrom = parseResumeToken(request.resumeToken, violations);
  const progressMs = parseProgressInterval(request.progressInterval, violations);
  throwViolations(violations);
  const redacted = !access.commandLines;
  const { updatesOnly } = request;
  const selection = { matches, view: visiblePart(asked, access) };
  const selectionKey = selectionKeyOf(request, redacted);
  return { selection, selectionKey, redacted, resumeFrom, updatesOnly, progressMs };
}

function selectionKeyOf({ filter, view }: WatchTapBindingsRequest, redacted: boolean): string {
  const selection = WatchTapBindingsRequest.fromPartial({ filter, view });
  const encoded = WatchTapBindingsRequest.encode(selection).finish();
  // A request may be long, and each watcher keeps its key.
  const hash = createHash('sha256').update(encoded).digest('base64');
  return redacted ? `${hash} redacted` : hash;
}

export function watchStart(
  { resumeFrom, updatesOnly, selection, redacted }: WatchPlan,
  store: BindingStore,
): WatchStart {
  if (resumeFrom === null) {
    if (updatesOnly) return { kind: 'updatesOnly' };
    return { kind: 'snapshot', reason: SnapshotReason.SNAPSHOT_REASON_INITIAL };
  }
  if (resumeFrom.epoch !== store.epoch) {
    return { kind: 'snapshot', reason: SnapshotReason.SNAPSHOT_REASON_EPOCH_CHANGED };
  }
  // What the client has is of another view: changes alone would leave it so.
  if (resumeFrom.redacted !== redacted && selection.view !== 'BASIC') {
    return { kind: 'snapshot', reason: SnapshotReason.SNAPSHOT_REASON_ACCESS_CHANGED };
  }
  const missed = store.changesSince(resumeFrom.revision);
  if (missed === null) {
    return { kind: 'snapshot', reason: SnapshotReason.SNAPSHOT_REASON_JOURNAL_EXCEEDED };
  }
  return { kind: 'resume', from: resumeFrom, missed };
}

function parseResumeToken(token: string, violations: FieldViolation[]): ResumePoint | null {
  if (token === '') return null;
  const point = decodeResumeToken(token);
  if (point === null) {
    const description = 'is no token that a server of tapmap has given';
    violations.push({ field: 'resume_token', description });
  }
  return point;
}

function parseProgressInterval(
  interval: Duration | undefined,
  violations: FieldViolation[],
): number {
  if (interval === undefined) return PROGRESS_DEFAULT_MS;
  const milliseconds = Number(interval.seconds) * 1000 + interval.nanos / 1e6;
  if (milliseconds < PROGRESS_MIN_MS || milliseconds > PROGRESS_MAX_MS) {
    violations.push({ field: 'progress_interval', description: 'is not from 0.1 s to 1 h' });
  }
  return milliseconds;
}
