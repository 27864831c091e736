import type { Host } from './host.js';

/** Network namespaces that open tun files lead to: for some, the only way in. Holds one descriptor each. */
export class NetnsFiles {
  readonly #byInode = new Map<number, number>();

  constructor(private readonly host: Host) {}

  /** Takes over a descriptor of a network namespace. Returns the inode. */
  adopt(fd: number): number {
    const { linux } = this.host;
    const { inode } = linux.statusOf(fd);
    if (this.#byInode.has(inode)) linux.close(fd);
    else this.#byInode.set(inode, fd);
    return inode;
  }

  get inodes(): IterableIterator<number> {
    return this.#byInode.keys();
  }

  /** Stays with this object. */
  fdOf(inode: number): number | undefined {
    return this.#byInode.get(inode);
  }

  close(): void {
    for (const fd of this.#byInode.values()) this.host.linux.close(fd);
    this.#byInode.clear();
  }
}
