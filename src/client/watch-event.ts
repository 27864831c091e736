/** What a watch tells. */
import type { Coverage } from '../gen/tapmap/v1/coverage.js';
import type { TapBinding } from '../gen/tapmap/v1/tap_binding.js';
import type { SnapshotReason } from '../gen/tapmap/v1/tap_binding_service.js';
import type { BindingChange } from './change.js';
import type { TapmapError } from './error.js';

/** By resource name. */
export type LiveBindings = ReadonlyMap<string, TapBinding>;

/** Where the watch is with an event: `bindings` is then exactly what List says at `revision`. */
export interface WatchPosition {
  /** One life of the server: revisions of different epochs cannot be compared. */
  readonly epoch: string;
  readonly revision: bigint;
  /** Where another watch may go on: see `resume` of WatchTapBindingsOptions. */
  readonly resumeToken: string;
  /** When the server last observed what this tells; null: unsaid. */
  readonly observeTime: Date | null;
  /** The live map, the same in all events of a watch. It stays as it is until the next is asked for. */
  readonly bindings: LiveBindings;
}

/** All there is: at first, and when the server cannot tell the changes since (`reason`). */
export interface SnapshotEvent extends WatchPosition {
  readonly kind: 'snapshot';
  readonly reason: SnapshotReason;
  /** What differs from what was in `bindings` before; at first, everything is added. */
  readonly changes: readonly BindingChange[];
  /** What could not be seen. */
  readonly coverage: Coverage | null;
}

/** One revision, or several in one: what differs. */
export interface ChangesEvent extends WatchPosition {
  readonly kind: 'changes';
  readonly changes: readonly BindingChange[];
}

/** What could not be seen has changed. */
export interface CoverageEvent extends WatchPosition {
  readonly kind: 'coverage';
  readonly coverage: Coverage;
}

/** The stream is alive, and there is nothing to tell up to `revision`. */
export interface ProgressEvent extends WatchPosition {
  readonly kind: 'progress';
}

/**
 * There is no server, or not yet; it is tried again. Once for each time without one. `bindings` stays
 * what it was.
 */
export interface DisconnectedEvent {
  readonly kind: 'disconnected';
  /** Why; null: the server has ended the stream in peace, as it does when it drains. */
  readonly error: TapmapError | null;
  readonly bindings: LiveBindings;
}

/** After `disconnected`: a server answers. What was missed follows, or a snapshot. */
export interface ConnectedEvent {
  readonly kind: 'connected';
  readonly bindings: LiveBindings;
}

export type WatchEvent =
  SnapshotEvent | ChangesEvent | CoverageEvent | ProgressEvent | DisconnectedEvent | ConnectedEvent;
