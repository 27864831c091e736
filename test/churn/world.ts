// Carries the operations out on the real kernel, with processes, devices and namespaces of its own.
import { closeSync } from 'node:fs';
import { startAgent, type Agent } from '../stage/agent.js';
import { DEVICE_PREFIX, NETNS_PREFIX } from '../stage/leaks.js';
import { addNetns, Netns, removeNetns } from '../stage/netns.js';
import { socketPair } from '../stage/passing.js';
import {
  IFF_MULTI_QUEUE,
  IFF_NO_PI,
  IFF_TAP,
  IFF_TUN,
  IFF_VNET_HDR,
  openQueue,
  setPersist,
} from '../stage/tun.js';
import { until } from '../stage/until.js';
import { devicesIn, isGone } from './kernel.js';
import type { DeviceMode, NetnsName, Operation } from './operation.js';
import { attaching } from './possible.js';
import { BOXES, type Truth } from './truth.js';
import { homePath, inside, openWayInto } from './way-in.js';

/** Descriptors that every agent begins with. */
const LIFELINE = 3;
const sendingEnd = (box: number): number => LIFELINE + 1 + 2 * box;
const receivingEnd = (box: number): number => LIFELINE + 2 + 2 * box;

export function deviceName(device: string): string {
  return `${DEVICE_PREFIX}${device}`;
}

export class World {
  /** By the number that operations have for them. */
  readonly #agents = new Map<number, Agent>();
  readonly #children = new Map<number, number>();
  /** Names of the namespaces that have one. */
  readonly #namespaces = new Set<string>();
  /** Descriptors of io_uring instances. */
  readonly #rings = new Map<number, { agent: Agent; number: number }>();
  /** What agents begin with; the test process has them open as long as the world stands. */
  readonly #fds: readonly number[];
  /** When it is closed, children that outlived their parents end. */
  readonly #lifeline: number;
  /** Starting an agent takes long: the next one starts meanwhile. */
  #spare: Promise<Agent>;
  readonly #socketHolders = new Set<number>();

  constructor() {
    const [lifeline, childrensEnd] = socketPair();
    this.#lifeline = lifeline;
    this.#fds = [childrensEnd, ...Array.from({ length: BOXES }, () => socketPair()).flat()];
    this.#spare = this.#startSpare();
  }

  /** Gives the number that the kernel gave: see `happened`. */
  async carryOut(operation: Operation, truth: Truth): Promise<number> {
    switch (operation.do) {
      case 'start': {
        const agent = await this.#spare;
        this.#agents.set(operation.process, agent);
        this.#spare = this.#startSpare();
        return agent.pid;
      }
      case 'enter': {
        const way = openWayInto(truth, truth.netns(operation.netns)!);
        try {
          await this.#agent(operation.process).enter(way.netns);
        } finally {
          way.close();
        }
        return 0;
      }
      case 'open':
        return this.#agent(operation.process).open();
      case 'attach':
        return (await this.#attach(operation, truth)) ? 1 : 0;
      case 'detach':
      case 'reattach': {
        const { agent, number } = this.#fd(operation.fd, truth);
        await agent.setQueue(number, operation.do === 'detach' ? 'detach' : 'attach');
        return 0;
      }
      case 'persist': {
        const { agent, number } = this.#fd(operation.fd, truth);
        await agent.setPersist(number, operation.on);
        return 0;
      }
      case 'dup': {
        const { agent, number } = this.#fd(operation.fd, truth);
        return agent.dup(number);
      }
      case 'keep': {
        const { agent, number } = this.#fd(operation.fd, truth);
        await agent.keepOnExec(number);
        return 0;
      }
      case 'close': {
        const { agent, number } = this.#fd(operation.fd, truth);
        await agent.close(number);
        return 0;
      }
      case 'fork': {
        const inherited = operation.fds.map((fd) => this.#fd(fd, truth).number);
        const child = await this.#agent(operation.process).spawn(inherited, LIFELINE);
        this.#children.set(operation.child, child);
        return child;
      }
      case 'thread':
        return this.#agent(operation.process).threadWithOwnTable();
      case 'exec':
        await this.#agent(operation.process).exec('/bin/sleep', 'infinity');
        return 0;
      case 'kill':
        await this.#kill(operation.process);
        return 0;
      case 'send': {
        const { agent, number } = this.#fd(operation.fd, truth);
        await agent.send(sendingEnd(operation.box), number);
        return 0;
      }
      case 'receive':
        return this.#agent(operation.process).receive(receivingEnd(operation.box));
      case 'register': {
        const { agent, number: fd } = this.#fd(operation.fd, truth);
        const number = await agent.ring();
        await agent.register(number, fd);
        this.#rings.set(operation.ring, { agent, number });
        return number;
      }
      case 'close-ring': {
        const { agent, number } = this.#rings.get(operation.ring)!;
        await agent.close(number);
        return 0;
      }
      case 'add-netns':
        this.#namespaces.add(operation.netns);
        return addNetns(`${NETNS_PREFIX}${operation.netns}`).inode;
      case 'delete-netns': {
        const name = truth.netns(operation.netns)!.name!;
        removeNetns(`${NETNS_PREFIX}${name}`);
        this.#namespaces.delete(name);
        return 0;
      }
      case 'create':
        through(truth, operation.netns, (netns) => {
          netns.within(() => {
            const fd = openQueue(deviceName(operation.device), flagsOf(operation.mode));
            setPersist(fd, true);
            closeSync(fd);
          });
        });
        return 0;
      case 'delete':
        ip(truth, operation.netns, 'link', 'del', deviceName(operation.device));
        return 0;
      case 'rename': {
        const { netns, device, to } = operation;
        ip(truth, netns, 'link', 'set', deviceName(device), 'name', deviceName(to));
        return 0;
      }
      case 'move':
        through(truth, operation.to, ({ path }) => {
          ip(truth, operation.netns, 'link', 'set', deviceName(operation.device), 'netns', path);
        });
        return 0;
      case 'up':
      case 'down':
        ip(truth, operation.netns, 'link', 'set', deviceName(operation.device), operation.do);
        return 0;
      case 'look':
      case 'rest':
        return 0;
    }
  }

  /** Whether it was attached. */
  async #attach(operation: Operation & { do: 'attach' }, truth: Truth): Promise<boolean> {
    const { agent, number } = this.#fd(operation.fd, truth);
    const { file } = truth.fd(operation.fd)!;
    const target = attaching(truth, file, operation.device, operation.mode);
    try {
      await agent.attach(number, deviceName(operation.device), flagsOf(operation.mode));
    } catch (error) {
      if (target === 'refused') return false;
      // Linux keeps the number of the queue that the file was, and the ifindex that it asks for when
      // it makes a device, in one place: struct tun_file of drivers/net/tun.c. That ifindex may
      // be taken.
      if (target === 'new' && file.wasAttached && String(error).includes('EBUSY')) return false;
      throw error;
    }
    if (target === 'refused') throw new Error('an attach went well that had to be refused');
    return true;
  }

  async #kill(process: number): Promise<void> {
    const agent = this.#agents.get(process);
    if (agent !== undefined) {
      this.#agents.delete(process);
      this.#socketHolders.delete(agent.pid);
      await agent.kill();
      return;
    }
    const child = this.#children.get(process);
    if (child === undefined) throw new Error(`no process ${process}`);
    this.#children.delete(process);
    globalThis.process.kill(child, 'SIGKILL');
    await until(`child ${child} is gone`, () => isGone(child));
  }

  #agent(process: number): Agent {
    const agent = this.#agents.get(process);
    if (agent === undefined) throw new Error(`no agent ${process}`);
    return agent;
  }

  #fd(fd: number, truth: Truth): { agent: Agent; number: number } {
    const { process, number } = truth.fd(fd)!;
    const agent = [...this.#agents.values()].find(({ pid }) => pid === process.pid);
    if (agent === undefined) throw new Error(`no agent has fd ${fd}`);
    return { agent, number };
  }

  #startSpare(): Promise<Agent> {
    const spare = startAgent(this.#fds);
    // Told where it is awaited.
    spare.then(
      ({ pid }) => {
        this.#socketHolders.add(pid);
      },
      () => undefined,
    );
    return spare;
  }

  /** `PID:FD` of each descriptor that what was sent to the box waits behind. */
  receivingEnds(box: number): string[] {
    return [
      `${process.pid}:${this.#fds[1 + 2 * box + 1]!}`,
      ...[...this.#socketHolders].map((pid) => `${pid}:${receivingEnd(box)}`),
    ];
  }

  /** Ends all processes, and removes all devices and namespaces. */
  async close(): Promise<void> {
    for (const agent of this.#agents.values()) await agent.kill();
    await (await this.#spare).kill();
    closeSync(this.#lifeline);
    for (const fd of this.#fds) closeSync(fd);
    for (const child of this.#children.values()) {
      await until(`child ${child} is gone`, () => isGone(child));
    }
    for (const name of this.#namespaces) removeNetns(`${NETNS_PREFIX}${name}`);
    const home = new Netns(homePath());
    // Those that do not outlast their files go in a moment by themselves.
    await until('no device is left', () => {
      try {
        const [device] = devicesIn(home).keys();
        if (device === undefined) return true;
        home.ip('link', 'del', device);
      } catch {
        // Gone meanwhile, or there the next time.
      }
      return false;
    });
  }
}

function through<T>(truth: Truth, netns: NetnsName, action: (netns: Netns) => T): T {
  return inside(truth, truth.netns(netns)!, action);
}

function ip(truth: Truth, netns: NetnsName, ...args: string[]): void {
  // This thread stays where it is: its namespace is the home that the arguments may name.
  through(truth, netns, (at) => at.ip(...args));
}

function flagsOf({ tap, multiQueue, vnetHdr, packetInfo }: DeviceMode): number {
  return (
    (tap ? IFF_TAP : IFF_TUN) |
    (multiQueue ? IFF_MULTI_QUEUE : 0) |
    (vnetHdr ? IFF_VNET_HDR : 0) |
    (packetInfo ? 0 : IFF_NO_PI)
  );
}
