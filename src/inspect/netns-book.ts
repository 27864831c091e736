/** What each network namespace of a look is known by. */
import type { Netns } from '../model/device.js';
import type { Host } from './host.js';
import { isGone, isRefused } from './kernel-answers.js';
import type { Look } from './look.js';
import { withPinnedProcess } from './pinned-process.js';

export class NetnsBook {
  readonly #netns = new Map<number, Netns>();

  private constructor(private readonly host: Host) {}

  /** `previous` keeps the process that stands for a namespace the same while it lives there. */
  static of(host: Host, look: Look, previous: NetnsBook | null): NetnsBook {
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
        ...inhabitantOf(host, inode, candidates),
      });
    }
    return book;
  }

  /** A namespace that was not in the census is known by its inode alone. */
  get(inode: number): Netns {
    const initial = inode === this.host.ownNetns;
    const unknown = { inode, cookie: null, paths: [], initial, pid: null, comm: '' };
    return this.#netns.get(inode) ?? unknown;
  }
}

/** The first of them that still lives in the namespace. */
function inhabitantOf(
  host: Host,
  inode: number,
  pids: readonly number[],
): Pick<Netns, 'pid' | 'comm'> {
  for (const pid of pids) {
    const comm = commIn(host, inode, pid);
    if (comm !== null) return { pid, comm };
  }
  return { pid: null, comm: '' };
}

/** Null when the process has ended since it was counted, or has left. */
function commIn(host: Host, inode: number, pid: number): string | null {
  try {
    return withPinnedProcess(host, pid, null, ({ stat, directory }) =>
      host.linux.statusOfPath(`${directory}/ns/net`).inode === inode ? stat.comm : null,
    );
  } catch (error) {
    if (isGone(error)) return null;
    // No pidfds here: it was there when it was counted.
    if (isRefused(error)) return '';
    throw error;
  }
}
