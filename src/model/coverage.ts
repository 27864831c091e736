/** What was looked at, and what could not be seen. See coverage.proto. */

export type FinderKind = 'PROC' | 'BPF';

interface DeniedProcess {
  readonly pid: number;
  /** Symbolic, such as EACCES. */
  readonly errno: string;
}

interface DeniedNetns {
  readonly inode: number;
  /** Symbolic, such as EPERM. */
  readonly errno: string;
}

/** A kernel feature or capability that is missing, and what that costs. */
export interface Degradation {
  readonly missing: string;
  readonly cost: string;
  readonly remedy: string;
}

/** At most this many denied processes or namespaces are told one by one. */
export const DENIED_DETAILS_MAX = 100;

export type TriggerKind = 'RTNETLINK' | 'FANOTIFY' | 'PROCESS_CONNECTOR' | 'PIDFD';

/** What tells that something may have changed. */
export interface TriggerState {
  readonly kind: TriggerKind;
  /** Why it is not at work, or not in all namespaces; empty while it is. */
  readonly missing: string;
  /** How often it has lost events since the probe began. */
  readonly losses: number;
  /** Milliseconds since the epoch; null when it never did. */
  readonly lastLoss: number | null;
}

/** What one scan saw. */
export interface ScanCoverage {
  readonly processesSeen: number;
  readonly processesDenied: number;
  /** Ordered by pid, at most DENIED_DETAILS_MAX. */
  readonly deniedProcesses: readonly DeniedProcess[];
  readonly netnsSeen: number;
  readonly netnsDenied: number;
  /** Ordered by inode, at most DENIED_DETAILS_MAX. */
  readonly deniedNetns: readonly DeniedNetns[];
  readonly finder: FinderKind;
  readonly degraded: readonly Degradation[];
  readonly unattachedFds: number;
  /** When the scan began, milliseconds since the epoch. */
  readonly scanTime: number;
  /** Milliseconds. */
  readonly scanDuration: number;
}

export interface Coverage extends ScanCoverage {
  /** One of each kind. */
  readonly triggers: readonly TriggerState[];
  /** From the start of the scan to that of the next, at most, milliseconds. */
  readonly scanInterval: number;
}
