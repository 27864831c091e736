/** /proc/PID/stat: see proc_pid_stat(5). */
import { readBytes } from './descriptor.js';

export interface PidStat {
  readonly comm: string;
  readonly ppid: number;
  readonly threads: number;
  /** Clock ticks since boot. With the pid, the identity of the process. */
  readonly startTime: number;
}

/** Throws KernelError: ENOENT or ESRCH when there is no such process. */
export function readPidStat(directory: string): PidStat {
  const stat = parsePidStat(readBytes(`${directory}/stat`));
  if (stat === null) throw new Error(`${directory}/stat: not as proc_pid_stat(5) has it`);
  return stat;
}

/** Null when the text is not what the kernel writes. */
export function parsePidStat(bytes: Buffer): PidStat | null {
  const text = bytes.toString('utf8');
  // The command may hold spaces and parentheses: it ends at the last one.
  const open = text.indexOf('(');
  const close = text.lastIndexOf(')');
  if (open === -1 || close < open) return null;
  // Field 3 (state) is the first after the command.
  const fields = text.slice(close + 2).split(' ');
  // A last field may be cut off, and then it is another number.
  if (fields.length <= 20) return null;
  const [ppid, threads, startTime] = [count(fields[1]), count(fields[17]), count(fields[19])];
  if (ppid === null || threads === null || startTime === null) return null;
  return { comm: text.slice(open + 1, close), ppid, threads, startTime };
}

function count(field = ''): number | null {
  return /^[0-9]+$/.test(field) ? Number(field) : null;
}
