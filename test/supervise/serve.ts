// Starts the three processes and finds them again.
import { spawn, type ChildProcess } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { serveSettings } from '../../src/cli/serve-settings.js';
import type { Timing } from '../../src/supervise/timing.js';
import { until } from '../stage/until.js';
import type { Script } from './script.js';
import type { ServeStart } from './serve-main.js';

/** Root of this machine, not of a user namespace that has no other user. */
export const isHostRoot =
  process.getuid?.() === 0 &&
  /^\s*0\s+0\s+4294967295\s*$/.test(readFileSync('/proc/self/uid_map', 'utf8'));

export interface ServeOptions {
  readonly listen?: readonly string[];
  readonly user?: string;
  /** Further flags, by their names; they may name files in the directory. */
  readonly flags?: (directory: string) => Readonly<Record<string, unknown>>;
  readonly probeSilence?: number;
  readonly stallLimit?: number;
  readonly timing?: Partial<Timing>;
  readonly devices?: readonly string[];
  readonly mode?: Script['mode'];
  /** Instead of the stand-in. */
  readonly realProbe?: boolean;
}

export interface Ended {
  readonly code: number | null;
  readonly signal: string | null;
}

/** Three Node processes on a busy machine take their time, milliseconds. */
const RESTART = 30_000;

export type Role = 'server' | 'probe';

/** One `tapmap serve` in a directory of its own. */
export class Serve {
  readonly directory = mkdtempSync(join(tmpdir(), 'tapmap-serve-'));
  readonly socket = join(this.directory, 's.sock');
  readonly ended: Promise<Ended>;
  stdout = '';
  stderr = '';
  readonly #child: ChildProcess;
  readonly #script = join(this.directory, 'script.json');
  #current: Script;

  constructor(options: ServeOptions = {}) {
    this.#current = { mode: options.mode ?? 'normal', devices: options.devices ?? ['tap0'] };
    this.tell({});
    const listen = options.listen ?? [`unix://${this.socket}`];
    // A user namespace of one user has nobody else to become.
    const user = options.user ?? (process.getuid?.() === 0 && !isHostRoot ? 'root' : undefined);
    const flags = { ...(user === undefined ? {} : { user }), ...options.flags?.(this.directory) };
    const { server, socketPaths, files } = serveSettings({ listen, ...flags }, {}, 1);
    const start: ServeStart = {
      server: {
        ...server,
        probeSilence: options.probeSilence ?? 5000,
        stallLimit: options.stallLimit ?? 60_000,
      },
      socketPaths,
      files,
      script: options.realProbe === true ? null : this.#script,
      timing: options.timing ?? {},
    };
    const main = new URL('serve-main.ts', import.meta.url).pathname;
    this.#child = spawn(process.execPath, ['--import', 'tsx', main, JSON.stringify(start)], {
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    this.#child.stdout?.setEncoding('utf8').on('data', (text: string) => {
      this.stdout += text;
    });
    this.#child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      this.stderr += text;
    });
    this.ended = new Promise((resolve) => {
      this.#child.once('close', (code, signal) => {
        resolve({ code, signal });
      });
    });
  }

  get pid(): number {
    return this.#child.pid!;
  }

  /** Changes what the probe sees, or what the next probe does. */
  tell(changes: Partial<Script>): void {
    this.#current = { ...this.#current, ...changes };
    // Replaced at once: the probe reads it at any time.
    writeFileSync(`${this.#script}.new`, JSON.stringify(this.#current));
    renameSync(`${this.#script}.new`, this.#script);
  }

  /** Resolves when it has printed where it listens. */
  async serving(): Promise<void> {
    await until(
      'it serves',
      () => this.stdout.includes('tapmap list') || this.#child.exitCode !== null,
      20_000,
    );
    if (this.#child.exitCode !== null) throw new Error(`it ended: ${this.stderr}`);
  }

  /** Process id of the one that runs in that role now. */
  find(role: Role): number | undefined {
    return children(this.pid).find((pid) => commandLine(pid).includes(`tapmap ${role}`));
  }

  /** The one that runs in that role, other than `before`. */
  async other(role: Role, before: number): Promise<number> {
    return until(
      `another ${role}`,
      () => {
        const pid = this.find(role);
        return pid !== before && pid;
      },
      RESTART,
    );
  }

  async running(role: Role): Promise<number> {
    return until(`a ${role}`, () => this.find(role), RESTART);
  }

  kill(signal: NodeJS.Signals): void {
    this.#child.kill(signal);
  }

  /** Ends it if it still runs, and removes its directory. */
  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#child.exitCode === null && this.#child.signalCode === null) {
      this.kill('SIGTERM');
      const timer = setTimeout(() => {
        this.kill('SIGKILL');
      }, 10_000);
      await this.ended;
      clearTimeout(timer);
    }
    rmSync(this.directory, { recursive: true });
  }
}

/** Whether the process is there and no zombie. */
export function isAlive(pid: number): boolean {
  try {
    return !/^State:\s+[ZX]/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'));
  } catch {
    return false;
  }
}

/** Of /proc/PID/status, see proc_pid_status(5). */
export function statusField(pid: number, field: string): string {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8');
  return new RegExp(`^${field}:[ \\t]*(.*)$`, 'm').exec(status)?.[1]?.trim() ?? '';
}

function children(pid: number): number[] {
  try {
    return readdirSync(`/proc/${pid}/task`).flatMap((tid) =>
      readFileSync(`/proc/${pid}/task/${tid}/children`, 'utf8')
        .split(' ')
        .filter(Boolean)
        .map(Number),
    );
  } catch {
    return [];
  }
}

function commandLine(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8');
  } catch {
    return '';
  }
}
