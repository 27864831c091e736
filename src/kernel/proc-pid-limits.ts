/** /proc/PID/limits: see proc_pid_limits(5). */
import { readBytes } from './descriptor.js';

/** As many files as the process may have open. Throws KernelError. */
export function readOpenFilesMax(directory: string): number {
  return parseOpenFilesMax(readBytes(`${directory}/limits`));
}

/** The soft limit, which is what holds. Infinity when there is none. */
export function parseOpenFilesMax(bytes: Buffer): number {
  const soft = /^Max open files +(\d+) /m.exec(bytes.toString('latin1'))?.[1];
  return soft === undefined ? Infinity : Number(soft);
}
