// What a test on the real kernel stands on. `const stage = setStage(t)` in its first line; whatever is
// made through it is removed when the test ends, passed or failed, and the test fails if anything
// is left. The import below comes first: it may run the whole file again in its own namespaces.
import './own-namespaces.js';
import { closeSync } from 'node:fs';
import type { TestContext } from 'node:test';
import { startAgent, type Agent } from './agent.js';
import { run } from './command.js';
import { startHolder, type Holder, type HolderOptions } from './holder.js';
import { DEVICE_PREFIX, NETNS_PREFIX, watchForLeaks } from './leaks.js';
import { SyscallError } from './libc.js';
import { addNetns, Netns, OWN_NETNS, removeNetns } from './netns.js';
import { socketPair } from './passing.js';
import { IFF_NO_PI, IFF_TAP, openQueue } from './tun.js';

/** How long a look at a descriptor may take. */
const BUSY_MS = 1_000;

let counter = 0;

export class Stage {
  /** The netns of the test process itself. */
  readonly home = new Netns(OWN_NETNS);
  readonly #endings: (() => void | Promise<void>)[] = [];
  readonly #devices: string[] = [];

  /** Has `action` run at the end of the test, last registered first, before the check for leaks. */
  atEnd(action: () => void | Promise<void>): void {
    this.#endings.push(action);
  }

  /** A device name that nothing on this machine has; such a device in `home` is deleted at the end. */
  deviceName(): string {
    const name = `${DEVICE_PREFIX}${(counter++).toString(36)}`;
    this.#devices.push(name);
    return name;
  }

  /** A network namespace at `/run/netns/...`. */
  netns(): Netns {
    const name = `${NETNS_PREFIX}${counter++}`;
    const netns = addNetns(name);
    this.atEnd(() => {
      // Unless the test has removed it already.
      if (run('ip', 'netns', 'list').split(/\s/).includes(name)) removeNetns(name);
    });
    return netns;
  }

  /** A network namespace without a name: a process keeps it, until it is killed. */
  async unnamedNetns(): Promise<{ netns: Netns; keeper: Holder }> {
    const keeper = await this.holder([], { netns: 'new' });
    return { netns: new Netns(`/proc/${keeper.pid}/ns/net`), keeper };
  }

  /** Makes a persistent device that nobody holds, by `ip tuntap add`. */
  unheldDevice(netns: Netns = this.home, ...modes: string[]): string {
    const name = this.deviceName();
    netns.ip('tuntap', 'add', name, 'mode', ...(modes.length === 0 ? ['tap'] : modes));
    return name;
  }

  /**
   * A queue of a new or existing device, held by the test process until it is closed. A tapmap that looks at
   * the descriptor of `ip`, which has just made the device, holds a copy of it for that moment:
   * EBUSY is tried again for as long as that may take.
   */
  queue(name: string, flags = IFF_TAP | IFF_NO_PI): OwnFd {
    const end = performance.now() + BUSY_MS;
    for (;;) {
      try {
        return this.own(openQueue(name, flags));
      } catch (error) {
        const isBusy = error instanceof SyscallError && error.code === 'EBUSY';
        if (!isBusy || performance.now() > end) throw error;
      }
    }
  }

  /** Takes over an fd of the test process. */
  own(fd: number): OwnFd {
    const own = new OwnFd(fd);
    this.atEnd(() => {
      own.close();
    });
    return own;
  }

  /** Two connected unix sockets, to be given to agents that pass descriptors. */
  socketPair(): [OwnFd, OwnFd] {
    const [one, other] = socketPair();
    return [this.own(one), this.own(other)];
  }

  /** A process that holds `fds` as 3, 4, ...; the test process's own copies are closed. */
  async holder(fds: readonly OwnFd[], options?: HolderOptions): Promise<Holder> {
    return await this.#handOver(fds, (numbers) => startHolder(numbers, options));
  }

  /** The same, but one that acts when told to. */
  async agent(fds: readonly OwnFd[] = [], options?: HolderOptions): Promise<Agent> {
    return await this.#handOver(fds, (numbers) => startAgent(numbers, options));
  }

  async #handOver<H extends Holder>(
    fds: readonly OwnFd[],
    start: (numbers: number[]) => Promise<H>,
  ): Promise<H> {
    const holder = await start(fds.map(({ fd }) => fd));
    this.atEnd(() => holder.kill());
    for (const own of fds) own.close();
    return holder;
  }

  #deleteDevice(device: string): void {
    const isPresent = () =>
      this.home
        .ip('-br', 'link')
        .split(/[\s@]+/)
        .includes(device);
    if (!isPresent()) return;
    try {
      run('ip', 'link', 'del', device);
    } catch (error) {
      // One that is not persistent goes by itself, a moment after its last file was closed.
      if (isPresent()) throw error;
    }
  }

  /** Removes everything. Goes on after a failure, and then throws the first one. */
  async clear(): Promise<void> {
    const failures: unknown[] = [];
    for (const ending of this.#endings.reverse()) {
      try {
        await ending();
      } catch (error) {
        failures.push(error);
      }
    }
    for (const device of this.#devices) this.#deleteDevice(device);
    if (failures.length > 0) throw failures[0];
  }
}

/** An fd of the test process that is closed once. */
export class OwnFd {
  readonly fd: number;
  #open = true;

  constructor(fd: number) {
    this.fd = fd;
  }

  close(): void {
    if (this.#open) closeSync(this.fd);
    this.#open = false;
  }
}

export function setStage(t: TestContext): Stage {
  const checkLeaks = watchForLeaks();
  const stage = new Stage();
  t.after(async () => {
    await stage.clear();
    await checkLeaks();
  });
  return stage;
}
