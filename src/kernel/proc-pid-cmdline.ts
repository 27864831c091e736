/** /proc/PID/cmdline: see proc_pid_cmdline(5). */
import { readBytes } from './descriptor.js';

/** Throws KernelError. */
export function readCommandLine(directory: string): string[] {
  return parseCommandLine(readBytes(`${directory}/cmdline`));
}

/** Arguments may take megabytes, and a message to a client may not. */
const BYTES_MAX = 32 * 1024;
const CUT = '…';

/**
 * Arguments end with a NUL each; a process may have overwritten them, and then there may be none. What
 * is longer than 32 KiB is cut, and then ends with `…`.
 */
export function parseCommandLine(bytes: Buffer): string[] {
  if (bytes.length === 0) return [];
  const text =
    bytes.length > BYTES_MAX ? bytes.toString('utf8', 0, BYTES_MAX) + CUT : bytes.toString('utf8');
  return (text.endsWith('\0') ? text.slice(0, -1) : text).split('\0');
}
