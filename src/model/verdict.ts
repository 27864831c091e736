/** How sure we are about who holds a device, and what that rests on. */

export type Verdict = 'HELD' | 'KEPT' | 'UNHELD' | 'HIDDEN' | 'UNKNOWN';

export type ReasonCode =
  | 'PROCESS_DENIED'
  | 'QUEUE_COUNT_UNAVAILABLE'
  | 'NAME_ONLY'
  | 'CHANGING'
  | 'OPEN_FILES_INDISTINGUISHABLE';

/** Why a verdict is UNKNOWN. */
export interface Reason {
  readonly code: ReasonCode;
  readonly detail: string;
}

export type HintKind = 'DESCRIPTOR_IN_FLIGHT' | 'IO_URING' | 'VHOST_NET';

/** Where the holder of a HIDDEN device may be. */
export interface Hint {
  readonly kind: HintKind;
  readonly pid: number;
  readonly fd: number | null;
  readonly detail: string;
}

/** Queues as the kernel counts them (null: it does not say) and as they were found. */
export interface Queues {
  readonly attached: number | null;
  readonly disabled: number | null;
  /** At the least, where open files cannot be told apart. */
  readonly found: number;
}
