import { isKernelError } from '../kernel/kernel-error.js';
import type { Host } from './host.js';

/**
 * The sockets through which devices were listed, to look them up again later in the same look. As long as
 * they are open no other namespace gets the inode of theirs.
 */
export class RouteSockets {
  readonly #byInode = new Map<number, number>();

  constructor(private readonly host: Host) {}

  /** Takes over a socket of the network namespace `inode`. */
  keep(inode: number, socket: number): void {
    this.drop(inode);
    this.#byInode.set(inode, socket);
  }

  drop(inode: number): void {
    const socket = this.#byInode.get(inode);
    if (socket === undefined) return;
    this.#byInode.delete(inode);
    this.host.linux.close(socket);
  }

  /**
   * Name (latin1) that the device has now; null when there is none any more, or that is not told; undefined
   * without a socket there.
   */
  nameOf(inode: number, ifindex: number): string | null | undefined {
    const socket = this.#byInode.get(inode);
    if (socket === undefined) return undefined;
    try {
      return this.host.linux.deviceName(socket, ifindex);
    } catch (error) {
      if (isKernelError(error)) return null;
      throw error;
    }
  }

  close(): void {
    for (const socket of this.#byInode.values()) this.host.linux.close(socket);
    this.#byInode.clear();
  }
}
