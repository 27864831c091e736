// Processes that hold given fds and do nothing else.
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import type { Netns } from './netns.js';
import { until } from './until.js';

export interface HolderOptions {
  /** The network namespace that the process lives in; `new` for one of its own that has no name. */
  readonly netns?: Netns | 'new';
  /** User and group to run as. Needs real root. */
  readonly uid?: number;
  readonly gid?: number;
  /** A command line that ends by exec'ing what follows it, such as `chroot DIR`. */
  readonly under?: readonly string[];
}

/** A process other than this one, at its final pid, in its final namespace. */
export class Holder {
  readonly pid: number;
  readonly #child: ChildProcess;
  readonly #exited: Promise<unknown>;

  constructor(child: ChildProcess) {
    if (child.pid === undefined) throw new Error('the process did not start');
    this.pid = child.pid;
    this.#child = child;
    this.#exited =
      child.exitCode === null && child.signalCode === null
        ? once(child, 'close')
        : Promise.resolve();
  }

  /** Resolves when the process is gone and reaped, with its files closed. */
  async exited(): Promise<void> {
    await this.#exited;
  }

  /** Kills the process and waits until it is gone. Killing one that is gone does nothing. */
  async kill(signal: NodeJS.Signals = 'SIGKILL'): Promise<void> {
    this.#child.kill(signal);
    await this.#exited;
  }
}

type CommandLine = [command: string, ...args: string[]];

/** The command line that has a program run where `options` say; each step is an exec: one pid. */
export function placed(options: HolderOptions, program: CommandLine): CommandLine {
  let line = program;
  if (options.under?.[0] !== undefined)
    line = [options.under[0], ...options.under.slice(1), ...line];
  if (options.uid !== undefined || options.gid !== undefined) {
    const user = options.uid === undefined ? [] : [`--reuid=${options.uid}`];
    const group = options.gid === undefined ? [] : [`--regid=${options.gid}`];
    line = ['setpriv', '--clear-groups', ...group, ...user, '--', ...line];
  }
  if (options.netns === 'new') return ['unshare', '--net', '--', ...line];
  if (options.netns !== undefined) return ['nsenter', `--net=${options.netns.path}`, '--', ...line];
  return line;
}

/**
 * Starts a process that holds `fds` as its fds 3, 4, ... The caller still has its own copies.
 * The process is `cat`, which ends by itself when this process, at the other end of its
 * standard input, is gone: even a killed test run leaves no holder behind.
 */
export async function startHolder(
  fds: readonly number[],
  options: HolderOptions = {},
): Promise<Holder> {
  const [command, ...args] = placed(options, ['cat']);
  const child = spawn(command, args, { stdio: ['pipe', 'ignore', 'inherit', ...fds] });
  await once(child, 'spawn');
  const holder = new Holder(child);
  try {
    await until(`process ${holder.pid} is cat`, () => isCommand(holder.pid, 'cat'));
  } catch (error) {
    await holder.kill();
    throw error;
  }
  return holder;
}

function isCommand(pid: number, comm: string): boolean {
  try {
    return readFileSync(`/proc/${pid}/comm`, 'utf8').trimEnd() === comm;
  } catch {
    return false;
  }
}
