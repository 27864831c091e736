/** The privileged process. It ends by itself when its standard input or its channel does. */
import { spawn, type ChildProcess } from 'node:child_process';
import { Socket } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { exitOf, isGone, type Command, type Exit } from './child.js';

export class ProbeProcess {
  readonly exited: Promise<Exit>;
  readonly #child: ChildProcess;
  readonly #channel: Socket;

  /** `number` tells this probe from those before it. */
  constructor(
    command: Command,
    readonly number: number,
  ) {
    // Standard input is the life line: it ends when the supervisor does, whatever killed that.
    this.#child = spawn(command.file, command.args, {
      stdio: ['pipe', 'inherit', 'inherit', 'pipe'],
    });
    this.exited = exitOf(this.#child);
    const channel = this.#child.stdio[3];
    if (!(channel instanceof Socket)) throw new TypeError('the probe has no channel');
    this.#channel = channel;
    // Both may break at any time; the exit of the process is what counts.
    this.#channel.on('error', () => undefined);
    this.#child.stdin?.on('error', () => undefined);
  }

  get pid(): number | undefined {
    return this.#child.pid;
  }

  /**
   * This side's end of the channel, to be handed on; null when the probe is gone. Nothing has been
   * read from it: a probe is silent until the server speaks.
   */
  get channel(): Socket | null {
    return isGone(this.#child) || this.#channel.destroyed ? null : this.#channel;
  }

  kill(): void {
    this.#child.kill('SIGKILL');
  }

  /** Lets it end by itself within `grace` milliseconds, then kills it. */
  async end(grace: number): Promise<void> {
    this.#child.stdin?.destroy();
    this.#channel.destroy();
    const timer = new AbortController();
    await Promise.race([this.exited, delay(grace, null, { signal: timer.signal })]);
    timer.abort();
    this.kill();
    await this.exited;
  }
}
