/** Holders that fork, exec and exit. */
import { isKernelError } from '../kernel/kernel-error.js';
import { ProcessConnector } from '../kernel/process-connector.js';
import type { Changes, Trigger } from './trigger.js';

/** So many events are read in one turn: a fork bomb must not keep us from everything else. */
const TURN = 4096;

export class ProcessTrigger implements Trigger {
  readonly name = 'process connector';
  readonly #connector = new ProcessConnector();

  /** `isHolder`: others are none of our business. Throws KernelError. */
  constructor(private readonly isHolder: (pid: number) => boolean) {}

  get fds(): Iterable<number> {
    return [this.#connector.fd];
  }

  tell(_: number, changes: Changes): void {
    try {
      for (const event of this.#connector.read(TURN)) {
        if (!this.isHolder(event.pid)) continue;
        changes.process(event.pid);
        if (event.type === 'fork') changes.process(event.child);
      }
    } catch (error) {
      if (!isKernelError(error, 'ENOBUFS')) throw error;
      changes.everything('forks and execs were lost');
    }
  }

  close(): void {
    this.#connector.close();
  }
}
