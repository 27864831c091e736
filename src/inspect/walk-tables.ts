/** Walks descriptor tables of processes and threads under /proc. */
import { isKernelError } from '../kernel/kernel-error.js';
import type { FdFinds, FdTargets } from '../kernel/proc-fd.js';
import { addNamespaceFile, type Finds, type TableFinds } from './finds.js';
import { isGone, isRefused } from './kernel-answers.js';
import type { Linux } from './linux.js';
import type { ThreadTable } from './thread-tables.js';

export interface TableWalk {
  readonly linux: Pick<Linux, 'walkFdTable'>;
  readonly procRoot: string;
  readonly targets: FdTargets;
}

/** Walks the table of a process, or that of a thread, and adds what it has to `finds`. */
export function walkTable(
  { linux, procRoot, targets }: TableWalk,
  pid: number,
  tid: number | null,
  finds: Finds,
): void {
  const directory = `${procRoot}/${pid}${tid === null ? '' : `/task/${tid}`}/fd`;
  let table: FdFinds;
  try {
    table = linux.walkFdTable(directory, targets);
  } catch (error) {
    if (isGone(error)) return;
    if (!isRefused(error)) throw error;
    finds.denied.set(pid, isKernelError(error) ? error.code : 'EACCES');
    return;
  }
  const { devices, hidingPlaces, namespaces, refused } = table;
  if (devices.length + hidingPlaces.length > 0) {
    finds.tables.push({ pid, tid, devices, hidingPlaces });
  }
  for (const { fd, inode } of namespaces) addNamespaceFile(finds, inode, `${directory}/${fd}`);
  if (refused !== null) finds.denied.set(pid, refused);
  else if (tid === null) finds.seen.push(pid);
}

/** Walks those tables, after the ones of the processes. */
export function walkThreadTables(
  walk: TableWalk,
  threads: readonly ThreadTable[],
  finds: Finds,
): void {
  for (const { pid, tid, own } of threads) {
    const before = finds.tables.length;
    walkTable(walk, pid, tid, finds);
    const table = finds.tables[before];
    if (table === undefined || own) continue;
    // Only what the process itself does not have is the thread's own for sure.
    const others = finds.tables.slice(0, before).filter((other) => other.pid === pid);
    finds.tables.splice(before, 1, ...without(table, others));
  }
}

function without(table: TableFinds, others: readonly TableFinds[]): TableFinds[] {
  const has = (key: 'devices' | 'hidingPlaces', fd: number) =>
    others.some((other) => other[key].some((known) => known.fd === fd));
  const devices = table.devices.filter(({ fd }) => !has('devices', fd));
  const hidingPlaces = table.hidingPlaces.filter(({ fd }) => !has('hidingPlaces', fd));
  return devices.length + hidingPlaces.length === 0 ? [] : [{ ...table, devices, hidingPlaces }];
}
