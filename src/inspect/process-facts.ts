/** What /proc tells of one process, beyond its descriptors. */
import { isKernelError } from '../kernel/kernel-error.js';
import type { ControlGroup, ControlGroups } from '../kernel/proc-pid-cgroup.js';
import type { Process } from '../model/holder.js';
import type { Host } from './host.js';
import type { PinnedProcess } from './pinned-process.js';

/**
 * A process, its network namespace by inode and its user by number only: what they stand for comes
 * later.
 */
export interface ProcessFacts extends Omit<Process, 'netns' | 'userName'> {
  readonly netnsInode: number | null;
  /** In every hierarchy. */
  readonly controlGroups: readonly ControlGroup[];
}

const NO_CONTROL_GROUPS: ControlGroups = { path: '', all: [] };

/** Throws KernelError: ENOENT or ESRCH when the process has gone. */
export function readProcess(host: Host, pinned: Omit<PinnedProcess, 'pidfd'>): ProcessFacts {
  const { linux } = host;
  const { directory, pid, stat } = pinned;
  const { comm, ppid, startTime } = stat;
  const orElse = <T>(other: T, read: () => T): T => {
    try {
      return read();
    } catch (error) {
      // A zombie has no executable, and a stranger's is not for everybody.
      if (isKernelError(error, 'EACCES', 'EPERM', 'ENOENT')) return other;
      throw error;
    }
  };
  // The owner of this directory is the effective user and group, of every process (task_dump_owner of
  // fs/proc/base.c), and costs a tenth of reading the status.
  const { uid, gid } = linux.statusOfPath(directory);
  const pidNamespace = orElse(null, () => linux.statusOfPath(`${directory}/ns/pid`).inode);
  const hasOnePid = pidNamespace !== null && pidNamespace === host.ownPidNamespace;
  const nsPids = hasOnePid ? [] : linux.readPidStatus(directory).nsPids;
  const controlGroups = orElse(NO_CONTROL_GROUPS, () => linux.readCgroup(directory));
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
    cgroup: controlGroups.path,
    controlGroups: controlGroups.all,
  };
}
