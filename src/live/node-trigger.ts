/** Processes that open and close device nodes: the host's, and those of containers. */
import { close, isCharacterDevice, open, O_PATH, statusOf } from '../kernel/descriptor.js';
import { FileMonitor } from '../kernel/fanotify.js';
import { isKernelError } from '../kernel/kernel-error.js';
import type { Changes, Trigger } from './trigger.js';

/** Whether this is the device number of a tun, macvtap or ipvtap node. */
export type IsNode = (major: number, minor: number) => boolean;

export class NodeTrigger implements Trigger {
  readonly #monitor = new FileMonitor();
  /** Those of the last scan that are watched. */
  #watched = new Set<string>();

  /** `ownPid`: whose own copies of files are no news. Throws KernelError. */
  constructor(
    private readonly ownPid: number,
    private readonly isNode: IsNode,
  ) {}

  get fds(): Iterable<number> {
    return [this.#monitor.fd];
  }

  /** Watches the nodes that these paths lead to, which may be `/proc/PID/fd/FD`, and those of before. */
  watch(paths: Iterable<string>): void {
    const watched = new Set<string>();
    for (const path of paths) {
      if (this.#watched.has(path) || this.add(path)) watched.add(path);
    }
    this.#watched = watched;
  }

  /**
   * Watches one more. False where there is none, or its file system does not take part: scans find what
   * opens it.
   */
  add(path: string): boolean {
    try {
      const node = open(path, O_PATH);
      try {
        // A container can have anything under any name.
        const { mode, rdevMajor, rdevMinor } = statusOf(node);
        if (!isCharacterDevice(mode) || !this.isNode(rdevMajor, rdevMinor)) return false;
        this.#monitor.watch(`/proc/self/fd/${node}`);
        return true;
      } finally {
        close(node);
      }
    } catch (error) {
      if (!isKernelError(error)) throw error;
      return false;
    }
  }

  tell(_: number, changes: Changes): void {
    for (const { pid, opened, closed } of this.#monitor.read()) {
      if (pid === this.ownPid) continue;
      // Without CAP_SYS_ADMIN the kernel keeps to itself who it was.
      if (pid === 0) changes.everything();
      else if (opened) changes.opened(pid);
      else if (closed) changes.process(pid);
    }
  }

  close(): void {
    this.#monitor.close();
  }
}
