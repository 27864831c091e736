/**
 * Finds descriptors by BPF iterators: the kernel goes through all tables, those of threads too, and
 * tells only what is looked for. It asks nobody's permission for each process, so that also those are
 * seen whose /proc/PID/fd is closed to us.
 */
import type { BpfIterators, OpenFileRecord } from '../kernel/bpf-iterators.js';
import type { Finder } from './find.js';
import { addNamespaceFile, noFinds, type Finds, type TableFinds } from './finds.js';
import type { Host } from './host.js';
import { walkTable } from './walk-tables.js';

/** What it asks; a test hands in its own. */
export type Iterators = Pick<BpfIterators, 'openFiles' | 'tasks' | 'close'>;

export function bpfFinder(iterators: Iterators): Finder {
  return {
    kind: 'BPF',
    degraded: [],
    async find(host, pace, _thoroughly, tellTasks) {
      const { linux, procRoot, ownPid } = host;
      const targets = host.targets();
      const othersTasks = async () => {
        const others = (await iterators.tasks()).filter(({ pid }) => pid !== ownPid);
        tellTasks?.(others);
        return others;
      };
      const iterations = [othersTasks(), iterators.openFiles(targets)] as const;
      const listed = linux.listNumbers(procRoot);
      const [tasks, files] = await Promise.all(iterations);
      const finds: Finds = { ...noFinds(), tasks };
      addFiles(host, files, finds);
      const shown = new Set([ownPid]);
      for (const { pid } of tasks) shown.add(pid);
      for (const { pid } of files) shown.add(pid);
      // Some have come or ended since. What is there and was not shown is hidden from iterators: /proc may
      // tell of it, or that it does not.
      const walk = { linux, procRoot, targets };
      for (const pid of listed) {
        if (shown.has(pid)) continue;
        await pace.rest();
        walkTable(walk, pid, null, finds);
      }
      shown.delete(ownPid);
      finds.seen.push(...shown);
      finds.seen.sort((a, b) => a - b);
      return finds;
    },
  };
}

function addFiles(
  { procRoot, ownPid }: Host,
  files: readonly OpenFileRecord[],
  finds: Finds,
): void {
  const tables = new Map<string, KnownTable>();
  // Descriptors of one table come one after the other.
  let last: KnownTable | undefined;
  for (const { pid, tid, fd, table, device, inode, sight } of files) {
    if (pid === ownPid) continue;
    const thread = tid === pid ? null : tid;
    if (device === null) {
      const task = thread === null ? '' : `/task/${thread}`;
      addNamespaceFile(finds, inode, `${procRoot}/${pid}${task}/fd/${fd}`);
      continue;
    }
    if (last?.table !== table || last.found.pid !== pid) {
      const key = `${pid} ${table}`;
      last = tables.get(key);
      if (last === undefined) {
        last = { table, tid, found: { pid, tid: thread, devices: [], hidingPlaces: [] } };
        tables.set(key, last);
        finds.tables.push(last.found);
      }
    }
    // Without their first thread, others of a process may share a table: it is the first one's.
    if (last.tid !== tid) continue;
    last.found.devices.push({ fd, major: device.major, minor: device.minor, sight });
  }
}

interface KnownTable {
  readonly table: bigint;
  /** The task that shows it. */
  readonly tid: number;
  readonly found: TableFinds;
}
