// Real programs, run as children of the test. Those of this folder's tests end with the test process,
// however it ends.
import { spawn, spawnSync, type ChildProcessByStdio } from 'node:child_process';
import { once } from 'node:events';
import type { Readable, Writable } from 'node:stream';
import { run } from '../stage/command.js';
import { Holder, placed, type HolderOptions } from '../stage/holder.js';
import type { Stage } from '../stage/stage.js';
import { until } from '../stage/until.js';

/** Programs start slowly on a busy machine, milliseconds. */
const PATIENCE = 20_000;

type CommandLine = [command: string, ...args: string[]];

export interface ProgramOptions extends HolderOptions {
  /** Files that the program gets as its fds 3, 4, ...; the caller still has its own. */
  readonly fds?: readonly number[];
}

export class Program extends Holder {
  readonly stdin: Writable;
  /** Everything that it has said so far, on either stream. */
  output = '';
  hasEnded = false;
  readonly #name: string;
  #isClosed = false;

  constructor(name: string, child: ChildProcessByStdio<Writable, Readable, Readable>) {
    super(child);
    this.#name = name;
    this.stdin = child.stdin;
    // One that is gone reads nothing; the test sees that in other ways.
    this.stdin.on('error', () => undefined);
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding('utf8').on('data', (text: string) => {
        this.output += text;
      });
    }
    child.once('exit', () => {
      this.hasEnded = true;
    });
    child.once('close', () => {
      this.#isClosed = true;
    });
  }

  /** Kills what it has started, too: that would hold its streams open, and may wait for ever. */
  override async kill(signal: NodeJS.Signals = 'SIGKILL'): Promise<void> {
    if (!this.#isClosed) {
      try {
        process.kill(-this.pid, signal);
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
      }
    }
    await this.exited();
  }

  /** Resolves when it has said something that matches. @throws Error with all that it said instead */
  async says(what: RegExp): Promise<void> {
    try {
      await until(
        `${this.#name} says ${String(what)}`,
        () => {
          if (what.test(this.output)) return true;
          if (this.hasEnded) throw new Error(`${this.#name} has ended`);
          return false;
        },
        PATIENCE,
      );
    } catch (error) {
      const { message } = error as Error;
      throw new Error(`${message}; it said: ${this.output}`, { cause: error });
    }
  }
}

/** Starts a program that the stage ends, if it is still there, before it looks for leaks. */
export async function startProgram(
  stage: Stage,
  program: CommandLine,
  { fds = [], ...options }: ProgramOptions = {},
): Promise<Program> {
  // The signal is cleared by a change of user, so it is asked for last.
  const [command, ...args] = placed(options, ['setpriv', '--pdeathsig=KILL', '--', ...program]);
  // Detached: a process group of its own.
  const stdio = ['pipe', 'pipe', 'pipe', ...fds] as const;
  const child = spawn(command, args, { detached: true, stdio: [...stdio] });
  await once(child, 'spawn');
  const started = new Program(
    program[0],
    child as ChildProcessByStdio<Writable, Readable, Readable>,
  );
  stage.atEnd(() => started.kill());
  return started;
}

/** The file that a command in PATH runs, links followed. */
export function executableOf(command: string): string {
  return run('sh', '-c', 'readlink -f "$(command -v "$1")"', 'sh', command).trimEnd();
}

/** Why a command line does not work on this machine, for node:test's `skip`. */
export function refusal(...[command, ...args]: CommandLine): string | false {
  const { status, stderr, error } = spawnSync(command, args, { encoding: 'utf8' });
  if (error !== undefined) return `${command}: ${error.message}`;
  return status === 0 ? false : `${[command, ...args].join(' ')}: ${stderr.trim()}`;
}
