/** How many connections each address may have at once. */
import type { Limits } from '../api/limits.js';
import { readOpenFilesMax } from '../kernel/proc-pid-limits.js';

/** Those that only connect, look at health, or wait for TLS or for their next call. */
const IDLE = 512;
/** What a server has open beside connections of clients: some 30 files, and up to 100 that read metrics. */
const OTHER_FILES = 256;

export interface ConnectionsMax {
  readonly perAddress: number;
  /** As many as all clients need that the limits allow, each with a connection of its own. */
  readonly wanted: number;
  /** RLIMIT_NOFILE of this process: the soft limit, which Node raises to the hard one when it starts. */
  readonly openFiles: number;
}

export function connectionsMax(
  { watchers, lists }: Pick<Limits, 'watchers' | 'lists'>,
  addresses: number,
  openFiles = readOpenFilesMax('/proc/self'),
): ConnectionsMax {
  const wanted = watchers + lists + IDLE;
  // Shared evenly, so that whoever fills one address leaves the others open.
  const possible = Math.floor((openFiles - OTHER_FILES) / addresses);
  return { perAddress: Math.max(Math.min(wanted, possible), 1), wanted, openFiles };
}
