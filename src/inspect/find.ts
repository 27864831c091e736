/** Finds every descriptor of a tun, macvtap or ipvtap node, whatever path the node has. */
import { isKernelError } from '../kernel/kernel-error.js';
import type { FdFinds, FdTargets } from '../kernel/proc-fd.js';
import type { FinderKind } from '../model/coverage.js';
import { isGone, isRefused, type Host } from './host.js';
import type { Pace } from './pace.js';

/** A descriptor table with descriptors of interest. */
export interface TableFinds {
  readonly pid: number;
  /** Thread whose own table it is; null for the table of the process. */
  readonly tid: number | null;
  readonly devices: FdFinds['devices'];
}

export interface Finds {
  readonly tables: TableFinds[];
  /** Network namespaces (and other ones) that are open as files: inode to one place of each. */
  readonly namespaceFiles: Map<number, { pid: number; fd: number }>;
  /** Processes whose tables were looked at. */
  readonly seen: number[];
  /** Processes that may not be looked at, with the symbolic errno. */
  readonly denied: Map<number, string>;
}

/** Which threads to look at beside the processes: those known to have a table of their own, or all. */
export type ThreadScope = 'all' | readonly { readonly pid: number; readonly tid: number }[];

export interface Finder {
  readonly kind: FinderKind;
  readonly find: (host: Host, threads: ThreadScope, pace: Pace) => Promise<Finds>;
}

/** Walks /proc/PID/fd of every process. */
export const procFinder: Finder = {
  kind: 'PROC',
  async find(host, threads, pace) {
    const finds: Finds = { tables: [], namespaceFiles: new Map(), seen: [], denied: new Map() };
    const targets = host.targets();
    for (const pid of host.linux.listNumbers(host.procRoot)) {
      if (pid === host.ownPid) continue;
      await pace.rest();
      if (walk(host, targets, pid, null, finds)) finds.seen.push(pid);
      if (threads === 'all') walkThreads(host, targets, pid, finds);
    }
    if (threads !== 'all') {
      for (const { pid, tid } of threads) walk(host, targets, pid, tid, finds);
    }
    return finds;
  },
};

/** Whether the table could be looked at, whole. */
function walk(
  host: Host,
  targets: FdTargets,
  pid: number,
  tid: number | null,
  finds: Finds,
): boolean {
  const directory = `${host.procRoot}/${pid}${tid === null ? '' : `/task/${tid}`}/fd`;
  let table: FdFinds;
  try {
    table = host.linux.walkFdTable(directory, targets);
  } catch (error) {
    if (isGone(error)) return false;
    if (!isRefused(error)) throw error;
    finds.denied.set(pid, isKernelError(error) ? error.code : 'EACCES');
    return false;
  }
  if (table.devices.length > 0) finds.tables.push({ pid, tid, devices: table.devices });
  for (const { fd, inode } of table.namespaces) finds.namespaceFiles.set(inode, { pid, fd });
  if (table.refused === null) return true;
  finds.denied.set(pid, table.refused);
  return false;
}

/** A thread usually shares the table of its process; only one that does not is looked at. */
function walkThreads(host: Host, targets: FdTargets, pid: number, finds: Finds): void {
  let tids: number[];
  try {
    tids = host.linux.listNumbers(`${host.procRoot}/${pid}/task`);
  } catch {
    return; // The process ended.
  }
  for (const tid of tids) {
    if (tid !== pid && !sharesTable(host, pid, tid)) walk(host, targets, pid, tid, finds);
  }
}

function sharesTable(host: Host, pid: number, tid: number): boolean {
  try {
    return host.linux.sharesFdTable(pid, tid);
  } catch (error) {
    if (isGone(error)) return true;
    if (isRefused(error)) return false;
    throw error;
  }
}
