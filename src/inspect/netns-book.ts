/** What each network namespace of a look is known by. */
import type { Netns } from '../model/device.js';
import type { Host } from './host.js';
import type { Look } from './look.js';

export class NetnsBook {
  readonly #netns = new Map<number, Netns>();

  private constructor(private readonly host: Host) {}

  /** `previous` keeps the process that stands for a namespace the same while it lives there. */
  static of(host: Host, look: Look, previous: NetnsBook | null): NetnsBook {
    const book = new NetnsBook(host);
    for (const entry of look.census.values()) {
      const { inode, paths } = entry;
      const cookie = look.namespaces.get(inode)?.cookie ?? null;
      const before = previous === null ? null : previous.get(inode).pid;
      const stays = before !== null && look.census.get(inode)?.pids.includes(before) === true;
      book.#netns.set(inode, {
        inode,
        cookie,
        paths: [...paths].sort(),
        initial: inode === host.ownNetns,
        pid: stays ? before : (entry.pids[0] ?? null),
      });
    }
    return book;
  }

  /** A namespace that was not in the census is known by its inode alone. */
  get(inode: number): Netns {
    const initial = inode === this.host.ownNetns;
    return this.#netns.get(inode) ?? { inode, cookie: null, paths: [], initial, pid: null };
  }
}
