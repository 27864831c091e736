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

function tablesOf({ linux, procRoot }: Host, pid: number): ThreadTable[] {
  const tasks = `${procRoot}/${pid}/task`;
  try {
    // A directory has a link for itself, its parent and each directory in it: here, each thread.
    if (linux.statusOfPath(tasks).links <= 3) return [];
    const tables: ThreadTable[] = [];
    for (const tid of linux.listNumbers(tasks)) {
      if (tid === pid) continue;
      const shared = sharesTable(linux, pid, tid);
      if (shared === null) tables.push({ pid, tid, own: false });
      // Without its first thread the others may share one that none of them is alone with.
      else if (!shared && !tables.some((other) => sharesTable(linux, other.tid, tid) === true)) {
        tables.push({ pid, tid, own: true });
      }
    }
    return tables;
  } catch (error) {
    if (isGone(error) || isRefused(error)) return [];
    throw error;
  }
}

/** Null where the kernel does not tell. A thread that has ended has nothing of its own. */
function sharesTable(linux: Host['linux'], tid1: number, tid2: number): boolean | null {
  try {
    return linux.sharesFdTable(tid1, tid2);
  } catch (error) {
    if (isGone(error)) return true;
    if (isRefused(error)) return null;
    throw error;
  }
}
