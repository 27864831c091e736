/** /proc/PID/cmdline: see proc_pid_cmdline(5). */
import { readBytes } from './descriptor.js';

/** Throws KernelError. */
export function readCommandLine(directory: string): string[] {
  return parseCommandLine(readBytes(`${directory}/cmdline`));
}

/** Arguments end with a NUL each; a process may have overwritten them, and then there may be none. */
export function parseCommandLine(bytes: Buffer): string[] {
  if (bytes.length === 0) return [];
  const text = bytes.toString('utf8');
  return (text.endsWith('\0') ? text.slice(0, -1) : text).split('\0');
}
