/**
 * Programs that start where no scan has been: in a mount namespace that may have device nodes of its own, as
 * containers have, or in a network namespace. An exec betrays them, as by then whoever made the namespaces
 * has filled them.
 */
import { close, open, O_RDONLY, statusOfPath } from '../kernel/descriptor.js';
import { nodeBelow } from '../inspect/nodes.js';
import { isKernelError } from '../kernel/kernel-error.js';
import type { LinkTrigger } from './link-trigger.js';
import type { NodeTrigger } from './node-trigger.js';
import type { Changes } from './trigger.js';

export class NewNamespaces {
  /** Inodes of mount namespaces. */
  #known = new Set<number>();

  constructor(
    private readonly procRoot: string,
    private readonly ownNetns: number,
    private readonly nodes: NodeTrigger | null,
    private readonly links: LinkTrigger | null,
  ) {}

  /** All mount namespaces that a scan has seen, and whose nodes are watched. */
  seen(mountNamespaces: Iterable<number>): void {
    this.#known = new Set(mountNamespaces);
  }

  started(pid: number, changes: Changes): void {
    const directory = `${this.procRoot}/${pid}`;
    try {
      if (this.nodes !== null) this.#enterMounts(directory, pid, this.nodes, changes);
      if (this.links !== null) this.#enterNetns(directory, pid, this.links, changes);
    } catch (error) {
      // It has ended, or may not be looked at: scans find what it leaves.
      if (!isKernelError(error)) throw error;
    }
  }

  #enterMounts(directory: string, pid: number, nodes: NodeTrigger, changes: Changes): void {
    const { inode } = statusOfPath(`${directory}/ns/mnt`);
    if (this.#known.has(inode)) return;
    this.#known.add(inode);
    // It may have opened the node before that was watched.
    if (nodes.add(nodeBelow(directory))) changes.opened(pid);
  }

  #enterNetns(directory: string, pid: number, links: LinkTrigger, changes: Changes): void {
    const path = `${directory}/ns/net`;
    const { inode } = statusOfPath(path);
    if (inode === this.ownNetns || links.listensTo(inode)) return;
    const netns = open(path, O_RDONLY);
    try {
      // It may have left for another one since.
      if (!links.listenTo(inode, netns)) return;
    } finally {
      close(netns);
    }
    changes.process(pid);
    changes.netns(inode);
  }
}
