/** Holders that fork, exec and exit, and programs that start anywhere. */
import { ProcessConnector } from '../kernel/process-connector.js';
import type { Changes, Trigger } from './trigger.js';

/** So many events are read in one turn: a fork bomb must not keep us from everything else. */
const TURN = 512;
/** So many forks are remembered: who forks may turn out to hold a device. */
const FORKS = 4096;
/** Milliseconds after which a fork is no news: who held a device then is known to. */
const FORK_IS_NEWS = 10_000;
/** Milliseconds in which an opening may be told after a fork that followed it. */
const IN_NO_ORDER = 100;
/** So many processes that have opened a node are remembered, the latest ones. */
const OPENERS = 256;

export interface ProcessTriggerOptions {
  /** Told of each program that was started. */
  readonly started: (pid: number) => void;
  /** Whether exits of holders are to be told, too. */
  readonly exits: boolean;
}

export class ProcessTrigger implements Trigger {
  readonly #connector: ProcessConnector;
  readonly #started: (pid: number) => void;
  #holders: ReadonlySet<number> = new Set();
  /** Processes that have opened a device node; the one that did longest ago is first. */
  readonly #openers = new Set<number>();
  /** Children, with their parents and when that was told; the oldest is first. */
  readonly #forks = new Map<number, { readonly parent: number; readonly told: number }>();

  /** Throws KernelError. */
  constructor({ started, exits }: ProcessTriggerOptions) {
    this.#started = started;
    this.#connector = new ProcessConnector(exits ? ['fork', 'exec', 'exit'] : ['fork', 'exec']);
  }

  get fds(): Iterable<number> {
    return [this.#connector.fd];
  }

  /** Others are none of our business. What those have forked that were not known may hold, too. */
  watch(holders: ReadonlySet<number>, changes: Changes): void {
    const before = this.#holders;
    this.#holders = holders;
    const since = performance.now() - FORK_IS_NEWS;
    for (const [child, { parent, told }] of this.#forks) {
      if (told >= since && holders.has(parent) && !before.has(parent)) changes.process(child);
    }
  }

  /** A process has opened a device node: it may give that to a child, and close it. */
  opened(pid: number, changes: Changes): void {
    this.#openers.delete(pid);
    this.#openers.add(pid);
    if (this.#openers.size > OPENERS) this.#openers.delete(oldestOf(this.#openers));
    const since = performance.now() - IN_NO_ORDER;
    for (const [child, { parent, told }] of this.#forks) {
      if (told >= since && parent === pid) changes.opened(child);
    }
  }

  tell(_: number, changes: Changes): void {
    for (const event of this.#connector.read(TURN)) {
      if (event.type === 'exec') this.#started(event.pid);
      if (event.type === 'fork') this.#remember(event.child, event.pid);
      if (event.type === 'fork' && this.#openers.has(event.pid)) changes.opened(event.child);
      if (!this.#holders.has(event.pid)) continue;
      changes.process(event.pid);
      if (event.type === 'fork') changes.process(event.child);
    }
  }

  close(): void {
    this.#connector.close();
  }

  #remember(child: number, parent: number): void {
    // A pid that comes again is the youngest again.
    this.#forks.delete(child);
    this.#forks.set(child, { parent, told: performance.now() });
    if (this.#forks.size > FORKS) this.#forks.delete(oldestOf(this.#forks.keys()));
  }
}

function oldestOf(numbers: Iterable<number>): number {
  for (const first of numbers) return first;
  throw new RangeError('there is none');
}
