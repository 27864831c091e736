/** Which triggers there are, what each is good for, and what it needs. */
import type { TriggerKind } from '../model/coverage.js';

interface Described {
  readonly kind: TriggerKind;
  readonly purpose: string;
  readonly cost: string;
  /** What it takes to have it, for people. */
  readonly needs: string;
}

/** By the names that flags have for them. */
export const TRIGGERS = {
  rtnetlink: {
    kind: 'RTNETLINK',
    purpose: 'be told of devices that come, go, move, are renamed or change',
    cost: 'those are seen by scans only',
    needs: 'CAP_NET_BROADCAST',
  },
  fanotify: {
    kind: 'FANOTIFY',
    purpose: 'be told of device nodes that are opened and closed',
    cost: 'attaching to a device that is down is seen by scans only',
    needs: 'CAP_SYS_ADMIN',
  },
  'process-connector': {
    kind: 'PROCESS_CONNECTOR',
    purpose: 'be told of holders that fork or exec, and of programs in new namespaces',
    cost: 'those are seen by scans only',
    needs: 'CAP_NET_ADMIN, and the initial pid, user and network namespace',
  },
  pidfd: {
    kind: 'PIDFD',
    purpose: 'be told of holders that exit',
    cost: 'those are seen by other triggers or scans only',
    needs: 'Linux 5.3',
  },
} as const satisfies Record<string, Described>;

export type TriggerName = keyof typeof TRIGGERS;

export const TRIGGER_NAMES = Object.keys(TRIGGERS) as TriggerName[];
