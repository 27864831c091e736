// What is true, as the churn knows it because it did it: never asked of the program under test.
import type { NetnsName } from './operation.js';

export interface TrueNetns {
  readonly number: number;
  /** `home`, its name in /run/netns, or null when that was deleted and something keeps it alive. */
  name: string | null;
  readonly inode: number;
}

export interface TrueDevice {
  readonly tap: boolean;
  readonly multiQueue: boolean;
  vnetHdr: boolean;
  packetInfo: boolean;
  netns: TrueNetns;
  name: string;
  persistent: boolean;
  up: boolean;
  /** From one namespace to another. */
  moves: number;
  readonly queues: Set<TrueFile>;
}

/** An open file of /dev/net/tun. */
export interface TrueFile {
  /** Which it keeps alive. */
  readonly openedIn: TrueNetns;
  device: TrueDevice | null;
  /** IFF_DETACH_QUEUE. */
  detached: boolean;
  /** Before: the device is gone. */
  wasAttached: boolean;
  /** How many copies are on their way through a unix socket. */
  inFlight: number;
}

/** An io_uring instance. */
export interface TrueRing {
  readonly process: TrueProcess;
  readonly number: number;
  readonly file: TrueFile;
  /** Threads that have a descriptor of it in a table of their own; null is the process's table. */
  readonly tables: Set<number | null>;
}

export interface TrueProcess {
  readonly pid: number;
  netns: TrueNetns;
  /** Takes orders. Other ones only hold what they have. */
  obeys: boolean;
  /** Where its other threads live, by their ids: where it was when they came to be. */
  readonly threads: Map<number, TrueNetns>;
  /** The process that forked it. */
  readonly parent: TrueProcess | null;
}

export interface TrueFd {
  readonly process: TrueProcess;
  /** Set when a thread has it in a table of its own. */
  readonly tid: number | null;
  /** The number that the kernel gave. */
  readonly number: number;
  readonly file: TrueFile;
  /** Survives an exec. */
  kept: boolean;
}

/** Unix sockets to send descriptors through. */
export const BOXES = 2;

export class Truth {
  readonly home: TrueNetns;
  readonly namespaces: Set<TrueNetns>;
  readonly devices = new Set<TrueDevice>();
  readonly files = new Set<TrueFile>();
  readonly processes = new Map<number, TrueProcess>();
  /** Those that operations can name, by their number. */
  readonly named = new Map<number, TrueFd>();
  /** All that there are, children's and threads' included. */
  readonly fds = new Set<TrueFd>();
  readonly rings = new Map<number, TrueRing>();
  /** What is in flight, first sent first. */
  readonly boxes: readonly TrueFile[][] = Array.from({ length: BOXES }, () => []);

  constructor(homeInode: number) {
    this.home = { number: 0, name: 'home', inode: homeInode };
    this.namespaces = new Set([this.home]);
  }

  netns(name: NetnsName): TrueNetns | undefined {
    return [...this.namespaces].find((netns) => netns.name === name || `#${netns.number}` === name);
  }

  device(netns: TrueNetns, name: string): TrueDevice | undefined {
    return [...this.devices].find((device) => device.netns === netns && device.name === name);
  }

  /** A process that obeys. */
  agent(process: number): TrueProcess | undefined {
    const found = this.processes.get(process);
    return found?.obeys === true ? found : undefined;
  }

  /** A descriptor of a process that obeys. */
  fd(number: number): TrueFd | undefined {
    const found = this.named.get(number);
    return found?.process.obeys === true ? found : undefined;
  }

  fdsOf(file: TrueFile): TrueFd[] {
    return [...this.fds].filter((fd) => fd.file === file);
  }

  /**
   * Whether anything leads there that the whole host shows: a name, a process, a descriptor of a file
   * that was opened there or whose device is there. `maybe`: only a descriptor in a table of a
   * thread's own does, which is looked for only when something is missing.
   */
  reach(netns: TrueNetns): 'yes' | 'maybe' | 'no' {
    if (netns.name !== null) return 'yes';
    for (const process of this.processes.values()) {
      if (process.netns === netns || [...process.threads.values()].includes(netns)) return 'yes';
    }
    const leading = [...this.fds].filter(
      ({ file }) => file.openedIn === netns || file.device?.netns === netns,
    );
    if (leading.length === 0) return 'no';
    return leading.some(({ tid }) => tid === null) ? 'yes' : 'maybe';
  }

  addFd(fd: TrueFd, number?: number): void {
    this.fds.add(fd);
    if (number !== undefined) this.named.set(number, fd);
  }

  /** Whether nothing but what no descriptor shows keeps the file. */
  isHidden(file: TrueFile): boolean {
    return ![...this.fds].some((fd) => fd.file === file);
  }

  closeFd(fd: TrueFd): void {
    this.fds.delete(fd);
    for (const [number, known] of this.named) if (known === fd) this.named.delete(number);
  }

  removeDevice(device: TrueDevice): void {
    for (const file of device.queues) {
      file.device = null;
      file.detached = false;
      file.wasAttached = true;
    }
    this.devices.delete(device);
  }

  /** What nothing refers to any more goes, and what goes with it. */
  collect(): void {
    for (const [number, { tables }] of this.rings) {
      if (tables.size === 0) this.rings.delete(number);
    }
    const referred = new Set([...this.fds, ...this.rings.values()].map(({ file }) => file));
    for (const file of this.files) {
      if (referred.has(file) || file.inFlight > 0) continue;
      this.files.delete(file);
      const { device } = file;
      if (device === null) continue;
      device.queues.delete(file);
      if (device.queues.size === 0 && !device.persistent) this.devices.delete(device);
    }
    const kept = new Set([
      ...[...this.files].map(({ openedIn }) => openedIn),
      ...[...this.processes.values()].flatMap(({ netns, threads }) => [netns, ...threads.values()]),
    ]);
    for (const netns of this.namespaces) {
      if (netns.name !== null || kept.has(netns)) continue;
      this.namespaces.delete(netns);
      for (const device of this.devices) if (device.netns === netns) this.removeDevice(device);
    }
  }
}
