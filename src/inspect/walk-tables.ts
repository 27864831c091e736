/** Walks the descriptor tables of some processes under /proc. */
import { isKernelError } from '../kernel/kernel-error.js';
import type { FdFinds, FdTargets } from '../kernel/proc-fd.js';
import type { Finds } from './finds.js';
import { isGone, isRefused } from './kernel-answers.js';
import type { Linux } from './linux.js';

export interface TableWalk {
  readonly linux: Pick<Linux, 'walkFdTable' | 'listNumbers' | 'sharesFdTable'>;
  readonly procRoot: string;
  readonly targets: FdTargets;
  /** Whether to look at threads that have a table of their own, too. */
  readonly threads: boolean;
}

/** Walks the table of a process, and adds what it has to `finds`. */
export function walkProcess(walk: TableWalk, pid: number, finds: Finds): void {
  if (walkTable(walk, pid, null, finds)) finds.seen.push(pid);
  if (walk.threads) walkThreads(walk, pid, finds);
}

/** Whether the table could be looked at, whole. */
export function walkTable(
  { linux, procRoot, targets }: TableWalk,
  pid: number,
  tid: number | null,
  finds: Finds,
): boolean {
  const directory = `${procRoot}/${pid}${tid === null ? '' : `/task/${tid}`}/fd`;
  let table: FdFinds;
  try {
    table = linux.walkFdTable(directory, targets);
  } catch (error) {
    if (isGone(error)) return false;
    if (!isRefused(error)) throw error;
    finds.denied.set(pid, isKernelError(error) ? error.code : 'EACCES');
    return false;
  }
  const { devices, hidingPlaces } = table;
  if (devices.length + hidingPlaces.length > 0) {
    finds.tables.push({ pid, tid, devices, hidingPlaces });
  }
  for (const { fd, inode } of table.namespaces) finds.namespaceFiles.set(inode, { pid, fd });
  if (table.refused === null) return true;
  finds.denied.set(pid, table.refused);
  return false;
}

/** A thread usually shares the table of its process; only one that does not is looked at. */
function walkThreads(walk: TableWalk, pid: number, finds: Finds): void {
  let tids: number[];
  try {
    tids = walk.linux.listNumbers(`${walk.procRoot}/${pid}/task`);
  } catch {
    return; // The process ended.
  }
  for (const tid of tids) {
    if (tid !== pid && !sharesTable(walk, pid, tid)) walkTable(walk, pid, tid, finds);
  }
}

function sharesTable({ linux }: TableWalk, pid: number, tid: number): boolean {
  try {
    return linux.sharesFdTable(pid, tid);
  } catch (error) {
    if (isGone(error)) return true;
    if (isRefused(error)) return false;
    throw error;
  }
}
