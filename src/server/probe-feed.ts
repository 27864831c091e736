/** From one probe after the other into the store. */
import type { Socket } from 'node:net';
import type { Logger } from 'pino';
import type { Effort } from '../model/effort.js';
import type { Observation } from '../model/observation.js';
import type { BindingStore } from '../store/binding-store.js';
import { ProbeChannel, type ProbeSilence } from './probe-channel.js';
import { ScanRequests } from './scan-requests.js';

/** What comes of probes, for whoever counts it. */
export interface ProbeFigures {
  /** There is a new probe. */
  adopted(): void;
  /** It observed something; `asked`: because somebody asked for a scan. */
  observed(observation: Observation, asked: boolean): void;
  /** What the probe of now has used. */
  used(effort: Effort): void;
}

export interface ProbeFeedEvents {
  /** The first observation of that probe has been applied. */
  readonly healthy: (probe: number) => void;
  /** That probe is of no use any more. */
  readonly failed: (probe: number, reason: string) => void;
}

export class ProbeFeed {
  readonly #store: BindingStore;
  readonly #silence: ProbeSilence;
  readonly #log: Logger;
  readonly #events: ProbeFeedEvents;
  readonly #figures: ProbeFigures | null;
  readonly #requests = new ScanRequests();
  #channel: ProbeChannel | null = null;
  /** Why there is no first observation, as far as known. */
  #trouble: string | null = null;

  constructor(
    store: BindingStore,
    silence: ProbeSilence,
    log: Logger,
    events: ProbeFeedEvents,
    figures: ProbeFigures | null,
  ) {
    this.#store = store;
    this.#figures = figures;
    this.#silence = silence;
    this.#log = log;
    this.#events = events;
  }

  /** What went wrong with the last probe; null while nothing did. */
  get trouble(): string | null {
    return this.#trouble;
  }

  /** Takes a new probe's stream, and drops the one before. */
  adopt(probe: number, socket: Socket): void {
    this.#drop('was replaced');
    this.#figures?.adopted();
    let healthy = false;
    const channel = new ProbeChannel(socket, this.#silence, {
      alive: (effort) => {
        this.#figures?.used(effort);
      },
      observation: (observation, answers) => {
        this.#store.apply(observation);
        this.#figures?.observed(observation, answers.length > 0);
        this.#requests.answered(answers);
        if (healthy) return;
        healthy = true;
        this.#trouble = null;
        this.#log.info({ probe, bindings: observation.bindings.length }, 'probe observes');
        this.#events.healthy(probe);
      },
      failed: (reason, cause) => {
        this.#log.warn({ probe, reason, err: cause ?? undefined }, 'probe lost');
        this.#drop(reason);
        this.#events.failed(probe, reason);
      },
    });
    this.#channel = channel;
    this.#requests.attach((id) => {
      channel.scan(id);
    });
  }

  /** See ScanRequests.scanNow(). */
  scanNow(signal: AbortSignal): Promise<void> {
    return this.#requests.scanNow(signal);
  }

  close(): void {
    this.#channel?.close();
    this.#requests.detach();
  }

  #drop(reason: string): void {
    if (this.#channel === null) return;
    this.#channel.close();
    this.#channel = null;
    this.#trouble = `the probe ${reason} and is being restarted`;
    this.#store.markStale(this.#trouble);
    this.#requests.detach();
  }
}
