/** What each network namespace of a look is known by. */
import type { Netns } from '../model/device.js';
import type { Workload } from '../model/holder.js';
import type { Host } from './host.js';
import { inhabitantOf, NOBODY } from './inhabitant.js';
import type { Look } from './look.js';
import type { ProcessFacts } from './process-facts.js';

export class NetnsBook {
  readonly #netns = new Map<number, Netns>();

  private constructor(private readonly host: Host) {}

  /**
   * `previous` keeps the process that stands for a namespace the same while it lives there. Without
   * `workloadOf` no container is told.
   */
  static of(
    host: Host,
    look: Look,
    previous: NetnsBook | null,
    workloadOf: ((process: ProcessFacts) => Workload | null) | null,
  ): NetnsBook {
    const book = new NetnsBook(host);
    for (const { inode, paths, pids } of look.census.values()) {
      const cookie = look.namespaces.get(inode)?.cookie ?? null;
      const before = previous?.get(inode).pid ?? null;
      const candidates = before !== null && pids.includes(before) ? [before, ...pids] : pids;
      book.#netns.set(inode, {
        inode,
        cookie,
        paths: [...paths].sort(),
        initial: inode === host.ownNetns,
        ...inhabitantOf(host, inode, candidates, paths.size === 0 ? workloadOf : null),
      });
    }
    return book;
  }

  /** A namespace that was not in the census is known by its inode alone. */
  get(inode: number): Netns {
    const initial = inode === this.host.ownNetns;
    const unknown = { inode, cookie: null, paths: [], initial, ...NOBODY };
    return this.#netns.get(inode) ?? unknown;
  }
}
