/** The server's end of the stream to one probe. */
import type { Socket } from 'node:net';
import { encodeFrame, FrameReader } from '../channel/frame.js';
import { ChannelError, parseFromProbe, type FromServer } from '../channel/message.js';
import type { Effort } from '../model/effort.js';
import type { Observation } from '../model/observation.js';
import { StoreError } from '../store/error.js';

/** How long nothing may come, milliseconds: of a probe that still starts, and then. */
export interface ProbeSilence {
  readonly first: number;
  readonly next: number;
}

export interface ProbeEvents {
  /** Each second. */
  readonly alive: (effort: Effort) => void;
  /** Throws StoreError for one that cannot be applied. */
  readonly observation: (observation: Observation, answers: readonly number[]) => void;
  /** At most once, and nothing after it. `reason` is a clause for people: `the probe` ... */
  readonly failed: (reason: string, cause: unknown) => void;
}

export class ProbeChannel {
  readonly #socket: Socket;
  readonly #events: ProbeEvents;
  readonly #silence: ProbeSilence;
  readonly #reader = new FrameReader();
  readonly #timer: NodeJS.Timeout;
  readonly #tick: number;
  #ticks = 0;
  #heard = false;
  #observed = false;
  #closed = false;

  constructor(socket: Socket, silence: ProbeSilence, events: ProbeEvents) {
    this.#socket = socket;
    this.#events = events;
    this.#silence = silence;
    socket.on('data', (chunk: Buffer) => {
      this.#take(chunk);
    });
    socket.on('error', (error) => {
      this.#fail('ended', error);
    });
    socket.on('close', () => {
      this.#fail('ended', null);
    });
    // Ticks, not time: while this process is stopped or busy nobody can be heard.
    this.#tick = Math.max(1, Math.min(silence.next / 10, 1000));
    this.#timer = setInterval(() => {
      this.#countSilence();
    }, this.#tick);
    this.#send({ type: 'begin' });
  }

  scan(id: number): void {
    this.#send({ type: 'scan', id });
  }

  /** Ends the stream without calling it a failure. */
  close(): void {
    this.#closed = true;
    clearInterval(this.#timer);
    this.#socket.destroy();
  }

  #send(message: FromServer): void {
    if (!this.#closed) this.#socket.write(encodeFrame(message));
  }

  #take(chunk: Buffer): void {
    this.#ticks = 0;
    this.#heard = true;
    try {
      for (const json of this.#reader.push(chunk)) {
        if (this.#closed) return;
        this.#understand(json);
      }
    } catch (error) {
      if (!(error instanceof ChannelError) && !(error instanceof StoreError)) throw error;
      this.#fail('sent what cannot be understood', error);
    }
  }

  #understand(json: string): void {
    const message = parseFromProbe(json);
    if (message.type === 'alive') {
      this.#events.alive(message.effort);
      return;
    }
    const { observation, answers } = message;
    // What a partial one differs from was known to another probe.
    if (!this.#observed && !observation.full) {
      throw new ChannelError('the probe began with a partial observation');
    }
    this.#observed = true;
    this.#events.observation(observation, answers);
  }

  #countSilence(): void {
    this.#ticks++;
    const limit = this.#heard ? this.#silence.next : this.#silence.first;
    if (this.#ticks * this.#tick >= limit) this.#fail(`was silent for ${limit / 1000} s`, null);
  }

  #fail(reason: string, cause: unknown): void {
    if (this.#closed) return;
    this.close();
    this.#events.failed(reason, cause);
  }
}
