/** Holders that exit, by a pidfd of each: needs no capability, and nothing is lost. See pidfd_open(2). */
import { close } from '../kernel/descriptor.js';
import { isKernelError } from '../kernel/kernel-error.js';
import { pidfdOpen } from '../kernel/pidfd.js';
import type { Changes, Trigger } from './trigger.js';

export class ExitTrigger implements Trigger {
  readonly name = 'pidfd';
  readonly #pids = new Map<number, number>();
  readonly #pidfds = new Map<number, number>();

  constructor(
    private readonly wait: (pidfd: number) => void,
    private readonly stopWaiting: (pidfd: number) => void,
  ) {}

  get fds(): Iterable<number> {
    return this.#pids.keys();
  }

  /** Waits for the end of exactly these processes. */
  watch(pids: ReadonlySet<number>): void {
    for (const [pid, pidfd] of this.#pidfds) if (!pids.has(pid)) this.#forget(pid, pidfd);
    for (const pid of pids) {
      if (this.#pidfds.has(pid)) continue;
      try {
        const pidfd = pidfdOpen(pid);
        this.#pidfds.set(pid, pidfd);
        this.#pids.set(pidfd, pid);
        this.wait(pidfd);
      } catch (error) {
        // It has gone already, which the next look sees, or we have too many descriptors.
        if (!isKernelError(error)) throw error;
      }
    }
  }

  tell(fd: number, changes: Changes): void {
    const pid = this.#pids.get(fd);
    if (pid === undefined) return;
    this.#forget(pid, fd);
    changes.process(pid);
  }

  close(): void {
    for (const [pid, pidfd] of this.#pidfds) this.#forget(pid, pidfd);
  }

  #forget(pid: number, pidfd: number): void {
    this.#pidfds.delete(pid);
    this.#pids.delete(pidfd);
    this.stopWaiting(pidfd);
    close(pidfd);
  }
}
