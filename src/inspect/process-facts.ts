/** What /proc tells of one process, beyond its descriptors. */
import { isKernelError } from '../kernel/kernel-error.js';
import type { Process } from '../model/holder.js';
import type { Host } from './host.js';
import type { PinnedProcess } from './pinned-process.js';

/** A process, its network namespace by inode only: what the inode stands for comes later. */
export interface ProcessFacts extends Omit<Process, 'netns'> {
  readonly netnsInode: number | null;
}

/** Throws KernelError: ENOENT or ESRCH when the process has gone. */
export function readProcess(host: Host, pinned: Omit<PinnedProcess, 'pidfd'>): ProcessFacts {
  const { linux } = host;
  const { directory, pid, stat } = pinned;
  const { comm, ppid, startTime } = stat;
  const { uid, gid, nsPids } = linux.readPidStatus(directory);
  const orElse = <T>(other: T, read: () => T): T => {
    try {
      return read();
    } catch (error) {
      // A zombie has no executable, and a stranger's is not for everybody.
      if (isKernelError(error, 'EACCES', 'EPERM', 'ENOENT')) return other;
      throw error;
    }
  };
  return {
    pid,
    startTime,
    ppid,
    comm,
    executable: orElse('', () => linux.readLink(`${directory}/exe`)),
    commandLine: orElse([], () => linux.readCommandLine(directory)),
    uid,
    gid,
    nsPids: nsPids.length === 0 ? [pid] : nsPids,
    netnsInode: orElse(null, () => linux.statusOfPath(`${directory}/ns/net`).inode),
    cgroup: orElse('', () => linux.readCgroup(directory)),
  };
}
