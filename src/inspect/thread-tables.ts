/**
 * Threads that have a descriptor table of their own: after unshare(CLONE_FILES), and those that are left
 * when the first thread of a process has ended. Most threads share the table of their process, so they
 * are searched by comparing (1 to 2 microseconds a thread), and only the few that are found are walked.
 */
import type { Host } from './host.js';
import { isGone, isRefused } from './kernel-answers.js';
import type { Pace } from './pace.js';

export interface ThreadTable {
  readonly pid: number;
  readonly tid: number;
  /** False where the kernel does not compare tables: then it may be the one of the process. */
  readonly own: boolean;
}

/** The search is repeated for at most this share of the time, unless something betrays such a thread. */
const SHARE = 0.01;

export class ThreadTables {
  #known: readonly ThreadTable[] = [];
  /** When to search again, milliseconds of performance.now(). */
  #again = 0;

  /** As of the last search; `search`: as of now. */
  async current(host: Host, pace: Pace, search: boolean): Promise<readonly ThreadTable[]> {
    const begin = performance.now();
    if (!search && begin < this.#again) return this.#known;
    this.#known = await searchThreadTables(host, pace);
    const end = performance.now();
    this.#again = end + (end - begin) / SHARE;
    return this.#known;
  }
}

export async function searchThreadTables(host: Host, pace: Pace): Promise<ThreadTable[]> {
  const { linux, procRoot, ownPid } = host;
  const tables: ThreadTable[] = [];
  for (const pid of linux.listNumbers(procRoot)) {
    if (pid === ownPid) continue;
    await pace.rest();
    tables.push(...tablesOf(host, pid));
  }
  return tables;
}

/** Of one process. */
export function tablesOf({ linux, procRoot }: Host, pid: number): ThreadTable[] {
  const tasks = `${procRoot}/${pid}/task`;
  try {
    // A directory has a link for itself, its parent and each directory in it: here, each thread.
    if (linux.statusOfPath(tasks).links <= 3) return [];
    const tables: ThreadTable[] = [];
    const ordered: number[] = [];
    for (const tid of linux.listNumbers(tasks)) {
      if (tid === pid) continue;
      const own = hasOwnTable(linux, pid, tid, ordered);
      if (own !== false) tables.push({ pid, tid, own: own ?? false });
    }
    return tables;
  } catch (error) {
    if (isGone(error) || isRefused(error)) return [];
    throw error;
  }
}

/**
 * Null where the kernel does not tell. `ordered` has one thread for each table that was found to be
 * none of the process, and takes this one in. Without its first thread the others of a process may
 * share one that none of them is alone with. The kernel orders tables, so that a process that gives
 * one to each of n threads costs n log n comparisons.
 */
function hasOwnTable(
  { compareFdTables }: Host['linux'],
  pid: number,
  tid: number,
  ordered: number[],
): boolean | null {
  try {
    if (compareFdTables(tid, pid) === 0) return false;
    let low = 0;
    let high = ordered.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      const order = compareFdTables(tid, ordered[middle]!);
      if (order === 0) return false;
      if (order < 0) high = middle;
      else low = middle + 1;
    }
    ordered.splice(low, 0, tid);
    return true;
  } catch (error) {
    // One of the two has ended. If it is this one, the look at its table will say so.
    if (isGone(error)) return ordered.length > 0;
    if (isRefused(error)) return null;
    throw error;
  }
}
