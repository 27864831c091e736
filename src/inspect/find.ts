/** Finds every descriptor of a tun, macvtap or ipvtap node, whatever path the node has. */
import type { Degradation, FinderKind } from '../model/coverage.js';
import type { TaskRecord } from '../kernel/bpf-iterators.js';
import { merged, noFinds, type Finds } from './finds.js';
import type { Host } from './host.js';
import type { Pace } from './pace.js';
import { ThreadTables } from './thread-tables.js';
import { walkTable, walkThreadTables } from './walk-tables.js';
import type { WalkWorker } from './walk-worker.js';

export interface Finder {
  /** As of the last search. */
  readonly kind: FinderKind;
  /** Why it is this one and not a better one; empty when it is what was asked for. */
  readonly degraded: readonly Degradation[];
  /**
   * Looks at the tables of every process, and of threads that have their own. `thoroughly`: such
   * threads are searched for again, if that is anything that the finder does not always do. `tellTasks` is
   * told of all processes as soon as they are known, by a finder that knows them before the rest.
   */
  readonly find: (
    host: Host,
    pace: Pace,
    thoroughly: boolean,
    tellTasks?: (tasks: readonly TaskRecord[]) => void,
  ) => Promise<Finds>;
}

/**
 * Walks /proc/PID/fd of every process: with a worker, half of them on its thread at the same time.
 * Two threads of one process walk nearly twice as fast, as the kernel shares no lock between tables.
 */
export function procFinder(worker: WalkWorker | null): Finder {
  const threadTables = new ThreadTables();
  return {
    kind: 'PROC',
    degraded: [],
    async find(host, pace, thoroughly) {
      const { linux, procRoot, ownPid } = host;
      const threads = await threadTables.current(host, pace, thoroughly);
      const walk = { linux, procRoot, targets: host.targets() };
      const pids = linux.listNumbers(procRoot).filter((pid) => pid !== ownPid);
      const { own, others } = worker === null ? { own: pids, others: [] } : halves(pids);
      const elsewhere = worker?.walk({ ...walk, pids: others });
      let finds = noFinds();
      for (const pid of own) {
        await pace.rest();
        walkTable(walk, pid, null, finds);
      }
      if (elsewhere !== undefined) finds = merged(finds, await elsewhere);
      walkThreadTables(walk, threads, finds);
      return finds;
    },
  };
}

/** Neighbours are often alike, so that every other one makes halves of about the same work. */
function halves(pids: readonly number[]): { own: number[]; others: number[] } {
  return {
    own: pids.filter((_, i) => i % 2 === 0),
    others: pids.filter((_, i) => i % 2 === 1),
  };
}
