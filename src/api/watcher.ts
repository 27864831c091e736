/** One stream of WatchTapBindings, from its start to its end. */
import type { ServerWritableStream } from '@grpc/grpc-js';
import type { SnapshotReason } from '../gen/tapmap/v1/tap_binding_service.js';
import type { StoreEvent, StoreSnapshot } from '../store/binding-store.js';
import type { ChangeBatch } from '../store/journal.js';
import { changeMessages } from './change-messages.js';
import type { ServiceContext } from './context.js';
import type { StreamEnd, Watching } from './events.js';
import { PendingChanges } from './pending-changes.js';
import type { Outgoing, ResponseSource } from './response-stream.js';
import { ResponseStream } from './response-stream.js';
import type { ResumePoint } from './resume-token.js';
import { beginningOf } from './watch-beginning.js';
import type { Position } from './watch-messages.js';
import {
  batchMessages,
  coverageChangedMessage,
  missedMessages,
  progressMessage,
  snapshotMessages,
} from './watch-messages.js';
import type { WatchPlan, WatchStart } from './watch-request.js';

export class Watcher implements ResponseSource, Watching {
  readonly #context: ServiceContext;
  readonly #plan: WatchPlan;
  readonly #stream: ResponseStream;
  readonly #onClose: () => void;
  readonly #pending: PendingChanges;
  /** Messages that must follow one another: a snapshot, a batch, missed batches. */
  #sequence: Iterator<Buffer> | null = null;
  /** When the oldest change in `#sequence` was observed; null when it happened before the client watched. */
  #sequenceSince: number | null = null;
  /** Where `#pending` begins. */
  #told: number;
  /** What is sent once `#sequence` is and nothing is pending. */
  #revision: number;
  #observedAt: number;
  #coverageRevision: number;
  /** When the oldest pending change was observed; null: none is pending. */
  #pendingSince: number | null = null;
  #progressDue = false;
  #progressTimer: NodeJS.Timeout | null = null;
  #unsubscribe: (() => void) | null = null;
  #ended = false;
  readonly #pump = () => {
    this.#stream.pump();
  };

  /** `onClose` is called once, when the stream is over for whatever reason. */
  constructor(
    context: ServiceContext,
    call: ServerWritableStream<unknown, Buffer>,
    plan: WatchPlan,
    onClose: () => void,
  ) {
    const { store } = context;
    this.#context = context;
    this.#plan = plan;
    this.#onClose = onClose;
    this.#pending = new PendingChanges(plan.selection);
    this.#revision = store.revision;
    this.#told = store.revision;
    this.#observedAt = store.observedAt;
    this.#coverageRevision = store.coverageRevision;
    this.#stream = new ResponseStream(call, this, {
      limits: context.limits,
      room: context.room,
      onInternalError: (error) => {
        context.log(error, 'WatchTapBindings');
      },
      onSent: (observedAt) => {
        context.events.sent('WatchTapBindings', observedAt);
      },
      onClose: (end) => {
        this.#close(end);
      },
      onAbandoned: () => {
        context.disconnect(call);
      },
    });
  }

  /** Begins to send. What the store is told from now on follows. */
  start(start: WatchStart): void {
    this.#context.events.watchBegan(this, beginningOf(start));
    this.#sequence = this.#firstMessages(start);
    this.#unsubscribe = this.#context.store.subscribe((event) => {
      this.#note(event);
    });
    this.#progressTimer = setTimeout(() => {
      this.#progressDue = true;
      this.#stream.pump();
    }, this.#plan.progressMs);
    this.#stream.pump();
  }

  /** Ends with the status of `error`, behind what is sent already. */
  fail(error: unknown): void {
    this.#stream.fail(error);
  }

  /** Sends what is pending and ends with status OK. */
  drain(): void {
    this.#unsubscribe?.();
    this.#ended = true;
    this.#stream.pump();
  }

  get behindSince(): number | null {
    return this.#stream.unreadSince ?? this.#sequenceSince ?? this.#pendingSince;
  }

  get ended(): boolean {
    return this.#ended;
  }

  next(): Outgoing | null {
    const outgoing =
      told(this.#nextOfSequence(), this.#sequenceSince) ??
      told(this.#nextCoverage() ?? this.#nextProgress(), null);
    if (outgoing !== null) {
      this.#progressDue = false;
      this.#progressTimer?.refresh();
    }
    return outgoing;
  }

  #nextOfSequence(): Buffer | null {
    while (true) {
      const result = this.#sequence?.next();
      if (result?.done === false) return result.value;
      this.#sequence = null;
      this.#sequenceSince = null;
      if (this.#pending.size === 0) return null;
      this.#sequence = this.#pendingBatch();
    }
  }

  #pendingBatch(): Iterator<Buffer> {
    const { sharedMessages, node } = this.#context;
    const { selection, selectionKey } = this.#plan;
    const position = this.#position(this.#observedAt);
    const key = ['changes', this.#told, this.#revision, this.#coverageRevision, selectionKey];
    const pending = this.#pending.take();
    this.#told = this.#revision;
    this.#sequenceSince = this.#pendingSince;
    this.#pendingSince = null;
    return sharedMessages.of(key.join(' '), () =>
      batchMessages(this.#context, changeMessages(pending, selection, node), position),
    );
  }

  #nextCoverage(): Buffer | null {
    const { store } = this.#context;
    if (this.#coverageRevision === store.coverageRevision) return null;
    this.#coverageRevision = store.coverageRevision;
    const { coverage, observedAt } = store;
    const position = this.#position(coverage.stale?.since ?? observedAt);
    return coverageChangedMessage(position, coverage, this.#plan.selection);
  }

  #nextProgress(): Buffer | null {
    if (!this.#progressDue) return null;
    return progressMessage(this.#position(this.#context.store.observedAt));
  }

  /** Takes the state of this moment; only the messages themselves are made later. */
  #firstMessages(start: WatchStart): Iterator<Buffer> {
    const { store } = this.#context;
    switch (start.kind) {
      case 'snapshot':
        return this.#snapshot(store.snapshot(), start.reason);
      case 'updatesOnly':
        return [progressMessage(this.#position(store.observedAt))].values();
      case 'resume':
        this.#coverageRevision = start.from.coverageRevision;
        return this.#resumed(start.from, start.missed);
    }
  }

  #snapshot(snapshot: StoreSnapshot, reason: SnapshotReason): Iterator<Buffer> {
    const { selection, selectionKey, redacted } = this.#plan;
    const { revision, coverageRevision, observedAt } = snapshot;
    const key = ['snapshot', reason, revision, coverageRevision, observedAt, selectionKey];
    return this.#context.sharedMessages.of(key.join(' '), () =>
      snapshotMessages(this.#context, snapshot, selection, redacted, reason),
    );
  }

  #resumed(from: ResumePoint, missed: readonly ChangeBatch[]): Iterator<Buffer> {
    const { selection, selectionKey, redacted } = this.#plan;
    const seenAt = missed[0]?.previousObservedAt ?? this.#observedAt;
    const key = ['missed', from.revision, this.#revision, from.coverageRevision, seenAt];
    return this.#context.sharedMessages.of([...key, selectionKey].join(' '), () =>
      missedMessages(this.#context, { ...from, redacted }, seenAt, missed, selection),
    );
  }

  #note({ batch }: StoreEvent): void {
    try {
      if (batch !== null) {
        const coalesced = this.#pending.note(batch.changes);
        if (coalesced > 0) this.#context.events.coalesced(coalesced);
        if (this.#pending.size === 0) this.#pendingSince = null;
        else this.#pendingSince ??= batch.observedAt;
        this.#revision = batch.revision;
        this.#observedAt = batch.observedAt;
      }
    } catch (error) {
      // The store and the other watchers must not suffer.
      this.#stream.fail(error);
    }
    this.#context.fanOut.request(this.#pump);
  }

  #position(observedAt: number): Position {
    return {
      epoch: this.#context.store.epoch,
      revision: this.#revision,
      coverageRevision: this.#coverageRevision,
      redacted: this.#plan.redacted,
      observedAt,
    };
  }

  #close(end: StreamEnd): void {
    this.#context.events.watchEnded(this, end);
    this.#unsubscribe?.();
    this.#context.fanOut.cancel(this.#pump);
    if (this.#progressTimer !== null) clearTimeout(this.#progressTimer);
    this.#sequence?.return?.();
    this.#sequence = null;
    this.#pending.take();
    this.#onClose();
  }
}

function told(bytes: Buffer | null, observedAt: number | null): Outgoing | null {
  return bytes === null ? null : { bytes, observedAt };
}
