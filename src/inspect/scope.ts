/** Which part of the host to look at again. */
export interface Scope {
  /** Processes whose descriptors may have changed. */
  readonly pids: ReadonlySet<number>;
  /** Links that may have changed: inode of the network namespace to indexes in it. */
  readonly links: ReadonlyMap<number, ReadonlySet<number>>;
}

export class GrowingScope implements Scope {
  readonly pids = new Set<number>();
  readonly links = new Map<number, Set<number>>();

  get isEmpty(): boolean {
    return this.pids.size === 0 && this.links.size === 0;
  }

  /** How much there is to look at. */
  get size(): number {
    let size = this.pids.size;
    for (const indexes of this.links.values()) size += indexes.size;
    return size;
  }

  addLink(netnsInode: number, ifindex: number): void {
    const known = this.links.get(netnsInode);
    if (known === undefined) this.links.set(netnsInode, new Set([ifindex]));
    else known.add(ifindex);
  }

  add({ pids, links }: Scope): void {
    for (const pid of pids) this.pids.add(pid);
    for (const [inode, indexes] of links) {
      for (const ifindex of indexes) this.addLink(inode, ifindex);
    }
  }
}
