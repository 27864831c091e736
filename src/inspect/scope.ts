/** Which part of the host to look at again. */
export interface Scope {
  /** Processes whose descriptors may have changed. */
  readonly pids: ReadonlySet<number>;
  /** Those of them that have opened a device node: one that is gone already may have left a device. */
  readonly openers: ReadonlySet<number>;
  /** Links that may have changed: inode of the network namespace to indexes in it. */
  readonly links: ReadonlyMap<number, ReadonlySet<number>>;
  /** Inodes of network namespaces any of whose links may have changed. */
  readonly namespaces: ReadonlySet<number>;
  /** Inodes of network namespaces that are gone. They may be others' by now. */
  readonly goneNamespaces: ReadonlySet<number>;
}

export class GrowingScope implements Scope {
  readonly pids = new Set<number>();
  readonly openers = new Set<number>();
  readonly links = new Map<number, Set<number>>();
  readonly namespaces = new Set<number>();
  readonly goneNamespaces = new Set<number>();
  /** How often any of it was looked at already, and things did not agree. */
  attempts = 0;

  get isEmpty(): boolean {
    return this.size === 0;
  }

  /** How much there is to look at. */
  get size(): number {
    let size = this.pids.size + this.namespaces.size + this.goneNamespaces.size;
    for (const indexes of this.links.values()) size += indexes.size;
    return size;
  }

  addLink(netnsInode: number, ifindex: number): void {
    const known = this.links.get(netnsInode);
    if (known === undefined) this.links.set(netnsInode, new Set([ifindex]));
    else known.add(ifindex);
  }

  add({ pids, openers, links, namespaces, goneNamespaces, attempts }: GrowingScope): void {
    this.attempts = Math.max(this.attempts, attempts);
    for (const pid of pids) this.pids.add(pid);
    for (const pid of openers) this.openers.add(pid);
    for (const inode of namespaces) this.namespaces.add(inode);
    for (const inode of goneNamespaces) this.goneNamespaces.add(inode);
    for (const [inode, indexes] of links) {
      for (const ifindex of indexes) this.addLink(inode, ifindex);
    }
  }
}
