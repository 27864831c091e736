/** Links that come, go, move, are renamed, or whose queues change while they are up. */
import { isKernelError } from '../kernel/kernel-error.js';
import { LinkMonitor } from '../kernel/link-monitor.js';
import type { Changes, Trigger } from './trigger.js';
import { TRIGGERS } from './trigger-kinds.js';

const KINDS = new Set(['tun', 'macvtap', 'ipvtap']);

export class LinkTrigger implements Trigger {
  readonly #monitor = new LinkMonitor();
  /** Inode of each namespace that is listened to, by its id. */
  readonly #inodes = new Map<number, number>();
  readonly #listened = new Set<number>();

  /** `ownNetns`: inode of our own network namespace. Throws KernelError. */
  constructor(private readonly ownNetns: number) {}

  get fds(): Iterable<number> {
    return [this.#monitor.fd];
  }

  /** Why it tells less than it could; empty when it tells all. */
  get missing(): string {
    return this.#monitor.hearsAll
      ? ''
      : `it tells of tapmap's own network namespace only: for others it needs ${TRIGGERS.rtnetlink.needs}`;
  }

  /** As far as events were read: an inode can be another namespace's by now. */
  listensTo(inode: number): boolean {
    return this.#listened.has(inode);
  }

  /**
   * Listens to a namespace from now on. False where that is refused: scans alone find what happens there.
   */
  listenTo(inode: number, netns: number): boolean {
    if (!this.#monitor.hearsAll) return false;
    try {
      const id = this.#monitor.listenTo(netns);
      // The id may have been that of a namespace that is gone, and whose end is not read yet.
      const before = this.#inodes.get(id);
      if (before !== undefined) this.#listened.delete(before);
      this.#inodes.set(id, inode);
      this.#listened.add(inode);
      return true;
    } catch (error) {
      if (!isKernelError(error)) throw error;
      return false;
    }
  }

  tell(_: number, changes: Changes): void {
    for (const event of this.#monitor.read()) {
      if (event.type === 'netns-gone') {
        const inode = this.#inodes.get(event.netnsId);
        if (inode === undefined) continue;
        this.#inodes.delete(event.netnsId);
        this.#listened.delete(inode);
        changes.netnsGone(inode);
      } else if (KINDS.has(event.kind)) {
        const inode = event.netnsId === null ? this.ownNetns : this.#inodes.get(event.netnsId);
        if (inode !== undefined) changes.link(inode, event.ifindex);
      }
    }
  }

  close(): void {
    this.#monitor.close();
  }
}
