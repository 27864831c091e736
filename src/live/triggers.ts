/** All triggers that this kernel and these rights allow, waited on together. */
import { Epoll } from '../kernel/epoll.js';
import { isKernelError } from '../kernel/kernel-error.js';
import type { TriggerState } from '../model/coverage.js';
import { ExitTrigger } from './exit-trigger.js';
import { LinkTrigger } from './link-trigger.js';
import { NewNamespaces } from './new-namespaces.js';
import { NodeTrigger, type IsNode } from './node-trigger.js';
import { ProcessTrigger } from './process-trigger.js';
import type { Changes, Trigger } from './trigger.js';
import { TRIGGER_NAMES, TRIGGERS, type TriggerName } from './trigger-kinds.js';

export interface TriggersOptions {
  readonly procRoot: string;
  readonly ownNetns: number;
  readonly ownPid: number;
  readonly isNode: IsNode;
  readonly changes: Changes;
  /** Events were lost: what opened a node meanwhile may attach later, which nothing tells any more. */
  readonly lost: () => void;
  /** Not to be used. */
  readonly without: ReadonlySet<TriggerName>;
}

/** What there is to watch, as of the last scan. */
export interface Watched {
  readonly holders: ReadonlySet<number>;
  /** Device nodes, by whatever path leads to them, such as `/proc/123/fd/5`. */
  readonly nodes: Iterable<string>;
  readonly mountNamespaces: Iterable<number>;
}

/** Some events were lost, and the trigger goes on. */
const LOSSES = new Set(['ENOBUFS', 'EOVERFLOW']);

interface Told {
  missing: string;
  losses: number;
  lastLoss: number | null;
}

export class Triggers {
  readonly #changes: Changes;
  readonly #epoll = new Epoll();
  readonly #byFd = new Map<number, { readonly name: TriggerName; readonly trigger: Trigger }>();
  readonly #told = new Map<TriggerName, Told>();
  #links: LinkTrigger | null;
  #nodes: NodeTrigger | null;
  #exits: ExitTrigger | null;
  #processes: ProcessTrigger | null;
  #newNamespaces: NewNamespaces;

  constructor(private readonly options: TriggersOptions) {
    const { procRoot, ownNetns, ownPid, isNode, changes } = options;
    this.#changes = withOpened(changes, (pid) => {
      this.#processes?.opened(pid, changes);
    });
    this.#links = this.#open('rtnetlink', () => new LinkTrigger(ownNetns));
    this.#nodes = this.#open('fanotify', () => new NodeTrigger(ownPid, isNode));
    this.#exits = this.#open('pidfd', () => {
      const exits: ExitTrigger = new ExitTrigger(
        (pidfd) => {
          this.#wait(pidfd, 'pidfd', exits);
        },
        (pidfd) => {
          this.#stopWaiting(pidfd);
        },
      );
      return exits;
    });
    this.#newNamespaces = new NewNamespaces(procRoot, ownNetns, this.#nodes, this.#links);
    const started = (pid: number) => {
      // That a namespace has gone is told before another one can have its inode.
      for (const fd of this.#links?.fds ?? []) this.#tell(fd);
      this.#newNamespaces.started(pid, this.#changes);
    };
    // Of exits pidfds tell, where there are any.
    const exits = this.#exits === null;
    this.#processes = this.#open('process-connector', () => new ProcessTrigger({ started, exits }));
    if (this.#links !== null) this.#state('rtnetlink').missing = this.#links.missing;
    this.#nodes?.watch(['/dev/net/tun']);
  }

  /** What each is worth, in the order of TRIGGERS. */
  get states(): TriggerState[] {
    return TRIGGER_NAMES.map((name) => ({ kind: TRIGGERS[name].kind, ...this.#state(name) }));
  }

  /** Whether all that any trigger can tell is told. */
  get areComplete(): boolean {
    return TRIGGER_NAMES.every((name) => this.#state(name).missing === '');
  }

  /** Links of this namespace are told of from now on. */
  enteredNetns(inode: number, netns: number): void {
    this.#links?.listenTo(inode, netns);
  }

  watch({ holders, nodes, mountNamespaces }: Watched): void {
    this.watchHolders(holders, []);
    this.#nodes?.watch(nodes);
    this.#newNamespaces.seen(mountNamespaces);
  }

  /** `holders` as of the last look, at whatever it was; `nodes` that it has found in addition. */
  watchHolders(holders: ReadonlySet<number>, nodes: Iterable<string>): void {
    this.#processes?.watch(holders, this.options.changes);
    this.#exits?.watch(holders);
    for (const path of nodes) this.#nodes?.add(path);
  }

  /** Tells changes from now on. Rejects with KernelError. */
  async run(): Promise<void> {
    while (true) {
      const ready = await this.#epoll.wait();
      if (ready === null) return;
      for (const fd of ready) this.#tell(fd);
    }
  }

  /** Only while it does not run. */
  close(): void {
    for (const trigger of new Set([...this.#byFd.values()].map((each) => each.trigger))) {
      trigger.close();
    }
    this.#epoll.close();
  }

  #tell(fd: number): void {
    const known = this.#byFd.get(fd);
    if (known === undefined) return;
    const { name, trigger } = known;
    try {
      trigger.tell(fd, this.#changes);
    } catch (error) {
      if (!isKernelError(error)) throw error;
      const state = this.#state(name);
      state.losses++;
      state.lastLoss = Date.now();
      if (!LOSSES.has(error.code)) {
        state.missing = `it failed (${error.code}): start tapmap anew`;
        for (const dead of [...trigger.fds]) this.#stopWaiting(dead);
        trigger.close();
        this.#drop(trigger);
      }
      this.options.lost();
    }
  }

  /** Its descriptors are closed, and their numbers may be others' soon. */
  #drop(trigger: Trigger): void {
    if (this.#links === trigger) this.#links = null;
    if (this.#nodes === trigger) this.#nodes = null;
    if (this.#exits === trigger) this.#exits = null;
    if (this.#processes === trigger) this.#processes = null;
    const { procRoot, ownNetns } = this.options;
    this.#newNamespaces = new NewNamespaces(procRoot, ownNetns, this.#nodes, this.#links);
  }

  #open<T extends Trigger>(name: TriggerName, make: () => T): T | null {
    if (this.options.without.has(name)) {
      this.#state(name).missing = `it is turned off: --without-trigger ${name}`;
      return null;
    }
    try {
      const trigger = make();
      for (const fd of trigger.fds) this.#wait(fd, name, trigger);
      return trigger;
    } catch (error) {
      if (!isKernelError(error)) throw error;
      this.#state(name).missing = `it needs ${TRIGGERS[name].needs} (${error.code})`;
      return null;
    }
  }

  #wait(fd: number, name: TriggerName, trigger: Trigger): void {
    this.#byFd.set(fd, { name, trigger });
    this.#epoll.add(fd);
  }

  #stopWaiting(fd: number): void {
    this.#byFd.delete(fd);
    this.#epoll.remove(fd);
  }

  #state(name: TriggerName): Told {
    let told = this.#told.get(name);
    if (told === undefined) {
      told = { missing: '', losses: 0, lastLoss: null };
      this.#told.set(name, told);
    }
    return told;
  }
}

/** The same, and `also` is told of whoever has opened a device node. */
function withOpened(changes: Changes, also: (pid: number) => void): Changes {
  return {
    process: (pid) => {
      changes.process(pid);
    },
    opened: (pid) => {
      changes.opened(pid);
      also(pid);
    },
    link: (netnsInode, ifindex) => {
      changes.link(netnsInode, ifindex);
    },
    netns: (netnsInode) => {
      changes.netns(netnsInode);
    },
    netnsGone: (netnsInode) => {
      changes.netnsGone(netnsInode);
    },
    everything: () => {
      changes.everything();
    },
  };
}
