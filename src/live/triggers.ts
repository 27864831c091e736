/** All triggers that this kernel and these rights allow, waited on together. */
import { Epoll } from '../kernel/epoll.js';
import { isKernelError } from '../kernel/kernel-error.js';
import type { Degradation } from '../model/coverage.js';
import { ExitTrigger } from './exit-trigger.js';
import { LinkTrigger } from './link-trigger.js';
import { NodeTrigger } from './node-trigger.js';
import { ProcessTrigger } from './process-trigger.js';
import type { Changes, Trigger } from './trigger.js';

export const TRIGGERS = ['rtnetlink', 'fanotify', 'process-connector', 'pidfd'] as const;
export type TriggerName = (typeof TRIGGERS)[number];

export interface TriggersOptions {
  readonly ownNetns: number;
  readonly ownPid: number;
  readonly changes: Changes;
  /** Not to be used. */
  readonly without: ReadonlySet<TriggerName>;
}

/** Open file of a device node in some process, such as `/proc/123/fd/5`. */
export type NodePath = string;

export class Triggers {
  readonly #epoll = new Epoll();
  readonly #byFd = new Map<number, Trigger>();
  readonly #links: LinkTrigger | null;
  readonly #nodes: NodeTrigger | null;
  readonly #exits: ExitTrigger | null;
  #holders: ReadonlySet<number> = new Set();
  readonly missing: Degradation[] = [];

  constructor(private readonly options: TriggersOptions) {
    const { ownNetns, ownPid } = options;
    this.#links = this.#open('rtnetlink', 'CAP_NET_BROADCAST', () => new LinkTrigger(ownNetns));
    this.#nodes = this.#open('fanotify', 'CAP_SYS_ADMIN', () => new NodeTrigger(ownPid));
    this.#open(
      'process-connector',
      'CAP_NET_ADMIN in the initial namespaces',
      () => new ProcessTrigger((pid) => this.#holders.has(pid)),
    );
    this.#exits = this.#open('pidfd', 'Linux 5.3', () => {
      const exits: ExitTrigger = new ExitTrigger(
        (pidfd) => {
          this.#byFd.set(pidfd, exits);
          this.#epoll.add(pidfd);
        },
        (pidfd) => {
          this.#byFd.delete(pidfd);
          this.#epoll.remove(pidfd);
        },
      );
      return exits;
    });
    this.#nodes?.watch('/dev/net/tun');
  }

  /** Links of this namespace are told of from now on. */
  enteredNetns(inode: number, netns: number): void {
    this.#links?.listenTo(inode, netns);
  }

  /** Processes that hold devices, and the nodes that they have opened, as of the last look. */
  watch(holders: ReadonlySet<number>, nodes: Iterable<NodePath>): void {
    this.#holders = holders;
    this.#exits?.watch(holders);
    for (const path of nodes) this.#nodes?.watch(path);
  }

  /** Tells changes until `end` is called. Rejects with KernelError. */
  async run(): Promise<void> {
    while (true) {
      const ready = await this.#epoll.wait();
      if (ready === null) return;
      for (const fd of ready) this.#tell(fd);
    }
  }

  end(): void {
    for (const trigger of new Set(this.#byFd.values())) trigger.close();
    this.#epoll.end();
  }

  #tell(fd: number): void {
    const trigger = this.#byFd.get(fd);
    if (trigger === undefined) return;
    try {
      trigger.tell(fd, this.options.changes);
    } catch (error) {
      if (!isKernelError(error)) throw error;
      // It is dead: what it would have told is found by scans.
      for (const dead of trigger.fds) {
        this.#epoll.remove(dead);
        this.#byFd.delete(dead);
      }
      trigger.close();
      this.#miss(trigger.name, `it failed (${error.code})`);
      this.options.changes.everything(`${trigger.name} failed`);
    }
  }

  #open<T extends Trigger>(name: TriggerName, needs: string, make: () => T): T | null {
    if (this.options.without.has(name)) {
      this.#miss(name, 'it is turned off');
      return null;
    }
    try {
      const trigger = make();
      for (const fd of trigger.fds) {
        this.#byFd.set(fd, trigger);
        this.#epoll.add(fd);
      }
      return trigger;
    } catch (error) {
      if (!isKernelError(error)) throw error;
      this.#miss(name, `needs ${needs} (${error.code})`);
      return null;
    }
  }

  #miss(name: string, remedy: string): void {
    this.missing.push({
      missing: name,
      cost: 'what only it tells is noticed at the next scan, not at once',
      remedy,
    });
  }
}
