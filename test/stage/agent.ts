// A holder that acts by itself: opens, attaches, dups, spawns children and execs when told to.
import { spawn, type ChildProcessByStdio } from 'node:child_process';
import { once } from 'node:events';
import { readlinkSync } from 'node:fs';
import { createInterface } from 'node:readline';
import type { Readable, Writable } from 'node:stream';
import { fileURLToPath } from 'node:url';
import { Holder, placed, type HolderOptions } from './holder.js';
import type { Netns } from './netns.js';
import { until } from './until.js';

// linux/sched.h
const CLONE_FILES = 0x400;
const CLONE_NEWNET = 0x40000000;

export type AgentCommand =
  | { do: 'open'; node?: string }
  | { do: 'attach'; fd: number; device: string; flags: number }
  | { do: 'queue'; fd: number; state: 'attach' | 'detach' }
  | { do: 'persist'; fd: number; persist: boolean }
  | { do: 'close'; fd: number }
  | { do: 'dup'; fd: number }
  | { do: 'keep-on-exec'; fd: number }
  | { do: 'thread'; unshare: number }
  | { do: 'spawn'; fds: readonly number[]; input?: number }
  | { do: 'enter'; netns: string }
  | { do: 'listen' }
  | { do: 'connect'; listening: number }
  | { do: 'send'; socket: number; fd: number }
  | { do: 'receive'; socket: number }
  | { do: 'ring' }
  | { do: 'register'; ring: number; fd: number }
  | { do: 'exec'; path: string; args: readonly string[] }
  | { do: 'exit'; code: number };

export interface AgentReply {
  readonly value?: number;
  readonly error?: string;
}

export class Agent extends Holder {
  readonly #input: Writable;
  readonly #lines: AsyncIterator<string>;

  constructor(child: ChildProcessByStdio<Writable, Readable, null>) {
    super(child);
    this.#input = child.stdin;
    // A command to an agent that is gone fails where its answer is awaited.
    this.#input.on('error', () => undefined);
    this.#lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  }

  /** The next answer. @throws Error with what the agent could not do, or that it is gone */
  async answer(): Promise<number | undefined> {
    const line = await this.#lines.next();
    if (line.done === true) throw new Error(`agent ${this.pid} is gone`);
    const { value, error } = JSON.parse(line.value) as AgentReply;
    if (error !== undefined) throw new Error(`agent ${this.pid}: ${error}`);
    return value;
  }

  async #tell(command: AgentCommand): Promise<number | undefined> {
    this.#input.write(`${JSON.stringify(command)}\n`);
    return await this.answer();
  }

  async #number(command: AgentCommand): Promise<number> {
    const value = await this.#tell(command);
    if (value === undefined) throw new Error(`agent ${this.pid}: no number for ${command.do}`);
    return value;
  }

  /** Opens a tun node without attaching. Gives the agent's fd number. */
  open(node?: string): Promise<number> {
    return this.#number(node === undefined ? { do: 'open' } : { do: 'open', node });
  }

  async attach(fd: number, device: string, flags: number): Promise<void> {
    await this.#tell({ do: 'attach', fd, device, flags });
  }

  async setQueue(fd: number, state: 'attach' | 'detach'): Promise<void> {
    await this.#tell({ do: 'queue', fd, state });
  }

  async setPersist(fd: number, persist: boolean): Promise<void> {
    await this.#tell({ do: 'persist', fd, persist });
  }

  async close(fd: number): Promise<void> {
    await this.#tell({ do: 'close', fd });
  }

  /** Gives another fd number of the same open file. */
  dup(fd: number): Promise<number> {
    return this.#number({ do: 'dup', fd });
  }

  /** Makes a unix socket that nobody accepts connections of. Gives its fd number. */
  listen(): Promise<number> {
    return this.#number({ do: 'listen' });
  }

  /** Connects to such a socket of this agent. Gives the fd number of the connection. */
  connect(listening: number): Promise<number> {
    return this.#number({ do: 'connect', listening });
  }

  /** Sends a copy of `fd` over a unix socket: in flight until it is received. */
  async send(socket: number, fd: number): Promise<void> {
    await this.#tell({ do: 'send', socket, fd });
  }

  /** Receives a descriptor. Gives its number here. */
  receive(socket: number): Promise<number> {
    return this.#number({ do: 'receive', socket });
  }

  /** Makes an io_uring instance. Gives its fd number. */
  ring(): Promise<number> {
    return this.#number({ do: 'ring' });
  }

  /** Has an io_uring instance keep the file of `fd`. */
  async register(ring: number, fd: number): Promise<void> {
    await this.#tell({ do: 'register', ring, fd });
  }

  /** Clears O_CLOEXEC. */
  async keepOnExec(fd: number): Promise<void> {
    await this.#tell({ do: 'keep-on-exec', fd });
  }

  /** Starts a thread that lives in a new network namespace. Gives its id. */
  threadInNewNetns(): Promise<number> {
    return this.#number({ do: 'thread', unshare: CLONE_NEWNET });
  }

  /** Starts a thread that has a copy of the descriptor table for its own. Gives its id. */
  threadWithOwnTable(): Promise<number> {
    return this.#number({ do: 'thread', unshare: CLONE_FILES });
  }

  /** Moves to another network namespace, with its first thread and with who it spawns from then on. */
  async enter(netns: Netns): Promise<void> {
    await this.#tell({ do: 'enter', netns: netns.path });
  }

  /**
   * Starts a child that inherits `fds` as 3, 4, ... Gives its pid. It ends with the agent, or with
   * what the agent's fd `input` reads from: then it may outlive the agent.
   */
  spawn(fds: readonly number[], input?: number): Promise<number> {
    return this.#number(input === undefined ? { do: 'spawn', fds } : { do: 'spawn', fds, input });
  }

  /** Replaces the agent's program. No command can follow; kill() still ends it. */
  async exec(path: string, ...args: string[]): Promise<void> {
    const before = readlinkSync(`/proc/${this.pid}/exe`);
    this.#input.write(`${JSON.stringify({ do: 'exec', path, args } satisfies AgentCommand)}\n`);
    await until(
      `agent ${this.pid} has become ${path}`,
      () => readlinkSync(`/proc/${this.pid}/exe`) !== before,
    );
  }

  /** Makes the agent end by itself, which closes all that it holds. */
  async exit(code = 0): Promise<void> {
    this.#input.write(`${JSON.stringify({ do: 'exit', code } satisfies AgentCommand)}\n`);
    await this.exited();
  }
}

/** Starts an agent; `fds` are its 3, 4, ... */
export async function startAgent(
  fds: readonly number[] = [],
  options: HolderOptions = {},
): Promise<Agent> {
  const main = fileURLToPath(new URL('./agent-main.ts', import.meta.url));
  const [command, ...args] = placed(options, [
    process.execPath,
    '--import',
    import.meta.resolve('tsx'),
    main,
  ]);
  const child = spawn(command, args, { stdio: ['pipe', 'pipe', 'inherit', ...fds] });
  await once(child, 'spawn');
  const agent = new Agent(child as ChildProcessByStdio<Writable, Readable, null>);
  await agent.answer();
  return agent;
}
