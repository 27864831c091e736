/**
 * Threads that have a descriptor table of their own: after unshare(CLONE_FILES), and those that are left
 * when the first thread of a process has ended. Most threads share the table of their process, so they
 * are searched by comparing (1 to 2 microseconds a thread), and only the few that are found are walked.
 */
import type { Host } from './host.js';
import { isGone, isRefused } from './kernel-answers.js';
import { searchOrdered } from './kernel-order.js';
import type { Pace } from './pace.js';
import { RepeatedSearch } from './repeated-search.js';

export interface ThreadTable {
  readonly pid: number;
  readonly tid: number;
  /** False where the kernel does not compare tables: then it may be the one of the process. */
  readonly own: boolean;
}

export class ThreadTables {
  #known: readonly ThreadTable[] = [];
  readonly #search = new RepeatedSearch();

  /** As of the last search; `search`: as of now. */
  async current(host: Host, pace: Pace, search: boolean): Promise<readonly ThreadTable[]> {
    if (search || this.#search.isDue) {
      this.#known = await this.#search.run(() => searchThreadTables(host, pace));
    }
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
 * share one that none of them is alone with.
 */
function hasOwnTable(
  { compareFdTables }: Host['linux'],
  pid: number,
  tid: number,
  ordered: number[],
): boolean | null {
  try {
    if (compareFdTables(tid, pid) === 0) return false;
    const { at, isThere } = searchOrdered(ordered, (other) => compareFdTables(tid, other));
    if (!isThere) ordered.splice(at, 0, tid);
    return !isThere;
  } catch (error) {
    // One of the two has ended. If it is this one, the look at its table will say so.
    if (isGone(error)) return ordered.length > 0;
    if (isRefused(error)) return null;
    throw error;
  }
}
