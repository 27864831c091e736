// A client of clients/ as a process, and the lines that it has printed.
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { until } from '../stage/until.js';
import type { Language } from './languages.js';

// A JVM beside four other clients on two cores.
const PATIENCE_MS = 30_000;

export class ClientRun {
  readonly language: string;
  /** Standard error so far. */
  complaint = '';
  readonly #child: ChildProcess;
  readonly #closed: Promise<unknown>;
  #output = '';

  constructor({ language, command: [program, ...args] }: Language, ...more: string[]) {
    this.language = language;
    const child = spawn(program, [...args, ...more], { stdio: ['ignore', 'pipe', 'pipe'] });
    this.#child = child;
    this.#closed = once(child, 'close');
    child.stdout.setEncoding('utf8').on('data', (text: string) => (this.#output += text));
    child.stderr.setEncoding('utf8').on('data', (text: string) => (this.complaint += text));
  }

  /** Whole lines of standard output so far. */
  get lines(): string[] {
    return this.#output.split('\n').slice(0, -1);
  }

  /** Whether it has printed so many lines before it ended or patience did. */
  async hasPrinted(count: number): Promise<boolean> {
    const done = () => this.lines.length >= count || this.#child.exitCode !== null;
    try {
      await until(`${this.language} has printed ${count} lines`, done, PATIENCE_MS);
    } catch {
      return false;
    }
    return this.lines.length >= count;
  }

  /** Its exit code, once it has ended by itself. */
  async ended(): Promise<number | null> {
    await until(`${this.language} ends`, () => this.#child.exitCode !== null, PATIENCE_MS);
    await this.#closed;
    return this.#child.exitCode;
  }

  async kill(): Promise<void> {
    this.#child.kill('SIGKILL');
    await this.#closed;
  }
}

/** Runs a client to its end, which it comes to by itself. */
export async function ended(
  language: Language,
  ...args: string[]
): Promise<{ exitCode: number | null; run: ClientRun }> {
  const run = new ClientRun(language, ...args);
  try {
    return { exitCode: await run.ended(), run };
  } finally {
    await run.kill();
  }
}
