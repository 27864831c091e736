/** Links that come, go, move, are renamed, or whose queues change while they are up. */
import { isKernelError } from '../kernel/kernel-error.js';
import { LinkMonitor } from '../kernel/link-monitor.js';
import type { Changes, Trigger } from './trigger.js';

const KINDS = new Set(['tun', 'macvtap', 'ipvtap']);

export class LinkTrigger implements Trigger {
  readonly name = 'rtnetlink';
  readonly #monitor = new LinkMonitor();
  /** Inode of each namespace that is listened to, by its id. */
  readonly #inodes = new Map<number, number>();
  readonly #listened = new Set<number>();

  /** `ownNetns`: inode of our own network namespace. Throws KernelError. */
  constructor(private readonly ownNetns: number) {}

  get fds(): Iterable<number> {
    return [this.#monitor.fd];
  }

  /** Listens to a namespace from now on. One that refuses is found by scans alone. */
  listenTo(inode: number, netns: number): void {
    if (this.#listened.has(inode)) return;
    try {
      const id = this.#monitor.listenTo(netns);
      // The id may have been that of a namespace that is gone, and whose end is not read yet.
      const before = this.#inodes.get(id);
      if (before !== undefined) this.#listened.delete(before);
      this.#inodes.set(id, inode);
      this.#listened.add(inode);
    } catch (error) {
      if (!isKernelError(error)) throw error;
    }
  }

  tell(_: number, changes: Changes): void {
    try {
      for (const event of this.#monitor.read()) {
        if (event.type === 'netns-gone') {
          const inode = this.#inodes.get(event.netnsId);
          if (inode === undefined) continue;
          this.#inodes.delete(event.netnsId);
          this.#listened.delete(inode);
          changes.everything('a network namespace has gone');
        } else if (KINDS.has(event.kind)) {
          const inode = event.netnsId === null ? this.ownNetns : this.#inodes.get(event.netnsId);
          if (inode !== undefined) changes.link(inode, event.ifindex);
        }
      }
    } catch (error) {
      if (!isKernelError(error, 'ENOBUFS')) throw error;
      changes.everything('changes of links were lost');
    }
  }

  close(): void {
    this.#monitor.close();
  }
}
