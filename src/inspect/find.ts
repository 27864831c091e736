/** Finds every descriptor of a tun, macvtap or ipvtap node, whatever path the node has. */
import type { FinderKind } from '../model/coverage.js';
import { merged, noFinds, type Finds } from './finds.js';
import type { Host } from './host.js';
import type { Pace } from './pace.js';
import { walkProcess, walkTable } from './walk-tables.js';
import type { WalkWorker } from './walk-worker.js';

/** Which threads to look at beside the processes: those known to have a table of their own, or all. */
export type ThreadScope = 'all' | readonly { readonly pid: number; readonly tid: number }[];

export interface Finder {
  readonly kind: FinderKind;
  readonly find: (host: Host, threads: ThreadScope, pace: Pace) => Promise<Finds>;
}

/**
 * Walks /proc/PID/fd of every process: with a worker, half of them on its thread at the same time.
 * Two threads of one process walk nearly twice as fast, as the kernel shares no lock between tables.
 */
export function procFinder(worker: WalkWorker | null): Finder {
  return {
    kind: 'PROC',
    async find(host, threads, pace) {
      const { linux, procRoot, ownPid } = host;
      const walk = { linux, procRoot, targets: host.targets(), threads: threads === 'all' };
      const pids = linux.listNumbers(procRoot).filter((pid) => pid !== ownPid);
      const { own, others } = worker === null ? { own: pids, others: [] } : halves(pids);
      const elsewhere = worker?.walk({ ...walk, pids: others });
      const finds = noFinds();
      for (const pid of own) {
        await pace.rest();
        walkProcess(walk, pid, finds);
      }
      if (threads !== 'all') {
        for (const { pid, tid } of threads) walkTable(walk, pid, tid, finds);
      }
      return elsewhere === undefined ? finds : merged(finds, await elsewhere);
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
