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
  const ppid = Number(fields[1] ?? NaN);
  const threads = Number(fields[17] ?? NaN);
  const startTime = Number(fields[19] ?? NaN);
  if (!Number.isInteger(ppid) || !Number.isInteger(threads) || !Number.isInteger(startTime)) {
    return null;
  }
  return { comm: text.slice(open + 1, close), ppid, threads, startTime };
}
