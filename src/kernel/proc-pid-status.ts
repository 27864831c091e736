/** /proc/PID/status: see proc_pid_status(5). */
import { readBytes } from './descriptor.js';

export interface PidStatus {
  /** Effective user id, in the reader's user namespace. */
  readonly uid: number;
  /** Effective group id. */
  readonly gid: number;
  /** From the reader's pid namespace to the innermost; the pid alone before 4.1. */
  readonly nsPids: readonly number[];
  /** Effective capabilities, a bit each: see capabilities(7). */
  readonly effectiveCapabilities: bigint;
}

/** Throws KernelError: ENOENT or ESRCH when there is no such process. */
export function readPidStatus(directory: string): PidStatus {
  return parsePidStatus(readBytes(`${directory}/status`));
}

export function parsePidStatus(bytes: Buffer): PidStatus {
  const text = bytes.toString('latin1');
  const second = (key: string) => Number(words(text, key)[1] ?? 0);
  return {
    uid: second('Uid'),
    gid: second('Gid'),
    nsPids: words(text, 'NSpid').map(Number),
    effectiveCapabilities: hexadecimal(words(text, 'CapEff')[0] ?? ''),
  };
}

function hexadecimal(text: string): bigint {
  return /^[0-9a-f]+$/.test(text) ? BigInt(`0x${text}`) : 0n;
}

function words(text: string, key: string): string[] {
  const start = text.indexOf(`\n${key}:`);
  if (start === -1) return [];
  const end = text.indexOf('\n', start + 1);
  const value = text.slice(start + key.length + 2, end === -1 ? undefined : end).trim();
  return value === '' ? [] : value.split(/\s+/);
}
