/** The unprivileged process. It ends by itself when the IPC channel does. */
import { spawn, type ChildProcess } from 'node:child_process';
import type { Socket } from 'node:net';
import { exitOf, type Command, type Exit } from './child.js';
import { parseReport, type Report } from './report.js';
import type { GivenFiles } from './given-files.js';
import { SilenceAlarm } from './silence.js';

export interface ServerEvents {
  /** All but `alive`. */
  readonly report: (report: Report) => void;
  /** It said what is no report, or nothing for too long: it is killed. */
  readonly fault: (reason: string) => void;
}

export interface ServerSilence {
  readonly first: number;
  readonly next: number;
}

interface Closable {
  close(): void;
}

export class ServerProcess {
  readonly exited: Promise<Exit>;
  readonly #child: ChildProcess;
  readonly #alarm: SilenceAlarm;
  readonly #events: ServerEvents;
  /** Of the channel that was handed over last; closing it twice does nothing. */
  #handed: Closable | null = null;

  constructor(command: Command, silence: ServerSilence, events: ServerEvents) {
    this.#events = events;
    this.#child = spawn(command.file, command.args, {
      stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
    });
    this.#alarm = new SilenceAlarm(silence, () => {
      this.#fault('nothing was heard of it');
    });
    this.#child.on('message', (message) => {
      this.#take(message);
    });
    this.exited = exitOf(this.#child).finally(() => {
      this.#alarm.stop();
      this.#handed?.close();
    });
  }

  get pid(): number | undefined {
    return this.#child.pid;
  }

  /** Hands the channel of a probe over; from then on this process has no part in it. */
  adopt(probe: number, channel: Socket): void {
    if (!this.#child.connected) return;
    // Node takes the handle out of the socket, and closes it once the server has acknowledged it. When
    // the server dies before that it never does: then it is ours to close.
    this.#handed?.close();
    this.#handed = Reflect.get(channel, '_handle') as Closable | null;
    this.#child.send({ type: 'probe', probe }, channel, (error) => {
      // The server is going; whoever waits for its exit ends the probe too.
      if (error !== null) channel.destroy();
    });
  }

  /** Gives it what is in the files that it may not read itself. */
  give(files: GivenFiles): void {
    // A failure means that the server is going, which its exit tells.
    if (this.#child.connected) this.#child.send({ type: 'files', files }, () => undefined);
  }

  drain(): void {
    this.#child.kill('SIGTERM');
  }

  kill(): void {
    this.#child.kill('SIGKILL');
  }

  #take(message: unknown): void {
    this.#alarm.heard();
    const report = parseReport(message);
    if (report === null) this.#fault('it reported what it must not');
    else if (report.type !== 'alive') this.#events.report(report);
  }

  #fault(reason: string): void {
    this.kill();
    this.#events.fault(reason);
  }
}
