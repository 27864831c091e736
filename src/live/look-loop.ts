/**
 * Decides when to look at what: at everything at an interval and when the server asks, at a part as soon
 * as a trigger tells that it may have changed.
 */
import { setTimeout as delay } from 'node:timers/promises';
import { GrowingScope, type Scope } from '../inspect/scope.js';
import type { Changes } from './trigger.js';

/**
 * What a look at a part came to. `unsettled`: links and descriptors did not agree, as something was under
 * way. `scan`: only a look at everything will do.
 */
export type Outcome = 'settled' | 'unsettled' | 'scan';

export interface Looks {
  /** Looks at everything, and tells the server; `answers` are the requests that came before it began. */
  readonly scan: (answers: readonly number[]) => Promise<void>;
  /** Looks at a part, and tells the server. */
  readonly part: (scope: Scope) => Promise<Outcome>;
}

export interface Reconciling {
  /** Share of one core, from 0 to 1, that scans may take while nothing is told. */
  readonly share: number;
  /** Whether triggers tell of all that any trigger can; else scans come at SHORTEST. */
  readonly isTold: () => boolean;
}

/** Milliseconds from the start of one scan to the start of the next, whatever they cost. */
const SHORTEST = 1000;
const LONGEST = 60_000;

/** What is more than this is as quickly looked at whole. */
const PART_MAX = 512;
/** Milliseconds after which a part that was not settled is looked at again; then a scan has to. */
const RETRIES = [1, 2, 4, 8, 16, 32];
/**
 * Milliseconds after which a process that opened a device node is looked at: the kernel tells of the
 * opening, and not of the attaching that follows it.
 */
const AFTER_OPENING = [1, 2, 4, 8, 16, 32, 64, 128, 256, 512];

export class LookLoop implements Changes {
  /** Requests that no scan has begun for. */
  #asked: number[] = [];
  #pending = new GrowingScope();
  #scanWanted = false;
  #retries = 0;
  #wake: AbortController | null = null;

  constructor(
    private readonly reconciling: Reconciling,
    private readonly looks: Looks,
  ) {}

  /** A scan that begins from now on answers this request. */
  ask(id: number): void {
    this.#asked.push(id);
    this.#wake?.abort();
  }

  process(pid: number): void {
    this.#pending.pids.add(pid);
    this.#wake?.abort();
  }

  opened(pid: number): void {
    this.process(pid);
    for (const after of AFTER_OPENING) {
      setTimeout(() => {
        this.process(pid);
      }, after).unref();
    }
  }

  link(netnsInode: number, ifindex: number): void {
    this.#pending.addLink(netnsInode, ifindex);
    this.#wake?.abort();
  }

  everything(): void {
    this.#scanWanted = true;
    this.#wake?.abort();
  }

  /** Ends only by an error. */
  async run(): Promise<never> {
    while (true) {
      const began = performance.now();
      const answers = this.#asked;
      this.#asked = [];
      this.#pending = new GrowingScope();
      this.#scanWanted = false;
      await this.looks.scan(answers);
      const took = performance.now() - began;
      // At least as long a rest as the work took: on a host so large that a scan takes longer than
      // the interval, half of one core is enough.
      const earliest = performance.now() + took;
      await this.#lookAtParts(earliest, Math.max(began + this.#interval(took), earliest));
    }
  }

  /** What no trigger tells is found by scans: as often as the budget allows. */
  #interval(took: number): number {
    const { share, isTold } = this.reconciling;
    return isTold() ? Math.min(Math.max(took / share, SHORTEST), LONGEST) : SHORTEST;
  }

  /** Until a scan is due, or one is wanted and may be made. */
  async #lookAtParts(earliest: number, due: number): Promise<void> {
    while (this.#asked.length === 0) {
      const until = this.#scanWanted ? earliest : due;
      const now = performance.now();
      if (now >= until) return;
      if (this.#pending.isEmpty) {
        await this.#rest(until - now);
      } else {
        await this.#lookAtPart();
        const took = performance.now() - now;
        // The same for parts: a storm of events is looked at in larger parts, not all of the time.
        if (took > 1) await delay(took);
      }
    }
  }

  async #lookAtPart(): Promise<void> {
    const scope = this.#pending;
    this.#pending = new GrowingScope();
    const outcome = scope.size > PART_MAX ? 'scan' : await this.looks.part(scope);
    if (outcome === 'settled') {
      this.#retries = 0;
    } else if (outcome === 'scan' || this.#retries === RETRIES.length) {
      this.#retries = 0;
      this.everything();
    } else {
      setTimeout(() => {
        this.#pending.add(scope);
        this.#wake?.abort();
      }, RETRIES[this.#retries++]).unref();
    }
  }

  async #rest(milliseconds: number): Promise<void> {
    this.#wake = new AbortController();
    try {
      await delay(milliseconds, undefined, { signal: this.#wake.signal });
    } catch {
      // Woken up: somebody asked, or something may have changed.
    } finally {
      this.#wake = null;
    }
  }
}
