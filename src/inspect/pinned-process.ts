/** Looks at one process while it is pinned, so that what is read is its own and not a successor's. */
import type { PidStat } from '../kernel/proc-pid-stat.js';
import type { Host } from './host.js';

export interface PinnedProcess {
  readonly pid: number;
  readonly stat: PidStat;
  /** `/proc/PID` */
  readonly directory: string;
  /** Its pidfd; for a thread with a table of its own, the thread's. */
  readonly pidfd: number;
}

/**
 * Runs `look` on the process. Null when the process has gone, or went while it was looked at: what
 * `look` returned may then be a mixture. Throws KernelError: EPERM, ENOSYS (pidfd_open before 5.3),
 * EINVAL (a thread before 6.9).
 */
export function withPinnedProcess<T>(
  host: Host,
  pid: number,
  tid: number | null,
  look: (process: PinnedProcess) => T,
): T | null {
  const { linux, procRoot } = host;
  const pidfd = tid === null ? linux.pidfdOpen(pid) : linux.pidfdOpenThread(tid);
  try {
    const directory = `${procRoot}/${pid}`;
    // The id may be that of another process's thread by now: then it is not there, which is ENOENT.
    if (tid !== null) linux.readPidStat(`${directory}/task/${tid}`);
    const result = look({ pid, stat: linux.readPidStat(directory), directory, pidfd });
    return linux.pidfdStands(pidfd) ? result : null;
  } finally {
    linux.close(pidfd);
  }
}
