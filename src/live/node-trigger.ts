/** Processes that open and close device nodes: the host's, and those of containers. */
import { statusOfPath } from '../kernel/descriptor.js';
import { FileMonitor } from '../kernel/fanotify.js';
import { isKernelError } from '../kernel/kernel-error.js';
import type { Changes, Trigger } from './trigger.js';

export class NodeTrigger implements Trigger {
  readonly name = 'fanotify';
  readonly #monitor = new FileMonitor();
  readonly #watched = new Set<string>();

  /** `ownPid`: whose own copies of files are no news. Throws KernelError. */
  constructor(private readonly ownPid: number) {}

  get fds(): Iterable<number> {
    return [this.#monitor.fd];
  }

  /** Watches the node that `path` leads to, which may be `/proc/PID/fd/FD`. */
  watch(path: string): void {
    try {
      const { devMajor, devMinor, inode } = statusOfPath(path);
      const file = `${devMajor}:${devMinor}/${inode}`;
      if (this.#watched.has(file)) return;
      this.#monitor.watch(path);
      this.#watched.add(file);
    } catch (error) {
      // It has gone, or its file system does not take part: scans find what opens it.
      if (!isKernelError(error)) throw error;
    }
  }

  tell(_: number, changes: Changes): void {
    try {
      for (const { pid, opened, closed } of this.#monitor.read()) {
        if (pid === this.ownPid) continue;
        // Without CAP_SYS_ADMIN the kernel keeps to itself who it was.
        if (pid === 0) changes.everything('a device node was opened or closed');
        else if (opened) changes.opened(pid);
        else if (closed) changes.process(pid);
      }
    } catch (error) {
      if (!isKernelError(error, 'EOVERFLOW')) throw error;
      changes.everything('openings of device nodes were lost');
    }
  }

  close(): void {
    this.#monitor.close();
  }
}
