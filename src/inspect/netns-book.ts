/** What each network namespace of a look is known by. */
import type { Netns } from '../model/device.js';
import type { Workload } from '../model/holder.js';
import type { Host } from './host.js';
import { inhabitantOf, NOBODY } from './inhabitant.js';
import type { Look } from './look.js';
import type { Census, CensusEntry } from './netns-census.js';
import type { NetnsLinks } from './netns-links.js';
import type { ProcessFacts } from './process-facts.js';

type WorkloadOf = ((process: ProcessFacts) => Workload | null) | null;

export class NetnsBook {
  readonly #netns = new Map<number, Netns>();

  private constructor(
    private readonly host: Host,
    private readonly workloadOf: WorkloadOf,
  ) {}

  /**
   * `previous` keeps the process that stands for a namespace the same while it lives there. Without
   * `workloadOf` no container is told.
   */
  static of(host: Host, look: Look, previous: NetnsBook | null, workloadOf: WorkloadOf): NetnsBook {
    const book = new NetnsBook(host, workloadOf);
    for (const entry of look.census.values()) {
      const cookie = look.namespaces.get(entry.inode)?.cookie ?? null;
      book.#enter(entry, cookie, previous?.get(entry.inode).pid ?? null);
    }
    return book;
  }

  /**
   * Brings in what a look at a part has learned: namespaces that were not known, and who lives there.
   * `looked`: processes that may be another program by now.
   */
  extend(
    census: Census,
    namespaces: ReadonlyMap<number, NetnsLinks>,
    looked: ReadonlySet<number>,
  ): void {
    for (const inode of this.#netns.keys()) if (!census.has(inode)) this.#netns.delete(inode);
    for (const entry of census.values()) {
      const known = this.#netns.get(entry.inode);
      // It may have been come across before it was entered.
      const cookie = namespaces.get(entry.inode)?.cookie ?? known?.cookie ?? null;
      const isTrue =
        known?.cookie === cookie &&
        known.paths.length === entry.paths.size &&
        (known.pid === null || (entry.pids.includes(known.pid) && !looked.has(known.pid)));
      if (isTrue) continue;
      this.#enter(entry, cookie, known?.pid ?? null);
    }
  }

  #enter({ inode, paths, pids }: CensusEntry, cookie: string | null, before: number | null): void {
    const candidates = before !== null && pids.includes(before) ? [before, ...pids] : pids;
    this.#netns.set(inode, {
      inode,
      cookie,
      paths: [...paths].sort(),
      initial: inode === this.host.ownNetns,
      ...inhabitantOf(this.host, inode, candidates, paths.size === 0 ? this.workloadOf : null),
    });
  }

  /** A namespace that was not in the census is known by its inode alone. */
  get(inode: number): Netns {
    const initial = inode === this.host.ownNetns;
    const unknown = { inode, cookie: null, paths: [], initial, ...NOBODY };
    return this.#netns.get(inode) ?? unknown;
  }
}
