/**
 * Decides when to look at what: at everything at an interval and when the server asks, at a part as soon
 * as a trigger tells that it may have changed.
 */
import { setTimeout as delay } from 'node:timers/promises';
import { GrowingScope, type Scope } from '../inspect/scope.js';
import type { LooksEffort } from '../model/effort.js';
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
  /** Whether triggers tell of all that any trigger can; else scans may take UNTOLD times as much. */
  readonly isTold: () => boolean;
}

/** Milliseconds from the start of one scan to the start of the next, whatever they cost. */
const SHORTEST = 1000;
const LONGEST = 60_000;

/** Milliseconds that looks at parts may take at once. */
const ALLOWANCE = 20;
/** What is more than this is as quickly looked at whole. */
const PART_MAX = 512;
/** Milliseconds after which a part that was not settled is looked at again; then a scan has to. */
const RETRIES = [1, 2, 4, 8, 16, 32];
/** Milliseconds for which scans come often after events were lost. */
const UNEASY = 3000;
/**
 * How many times the budget scans may take while some trigger is missing: what it would tell is told
 * late, and should not be told too late.
 */
const UNTOLD = 10;

/**
 * Milliseconds from look to look at a process that has opened a device node: the kernel tells of the
 * opening, and not of the attaching that follows it.
 */
const AFTER_OPENING = [1, 2, 4, 8, 16, 32, 64, 128, 256, 512];

/**
 * What looks at parts may cost: some at once, and half of one core on the whole. A storm of events is looked
 * at in larger parts, not all of the time.
 */
class Allowance {
  #left = ALLOWANCE;
  #since = performance.now();

  /** Returns for how long to rest. Both in milliseconds. */
  spend(cost: number): number {
    const now = performance.now();
    this.#left = Math.min(this.#left + (now - this.#since) / 2, ALLOWANCE) - cost;
    this.#since = now;
    return Math.max(-2 * this.#left, 0);
  }
}

export class LookLoop implements Changes {
  /** Requests that no scan has begun for. */
  #asked: number[] = [];
  #pending = new GrowingScope();
  /** Processes that are watched closely, and how often each was looked at since it opened a node. */
  readonly #openers = new Map<number, number>();
  #scanWanted = false;
  readonly #allowance = new Allowance();
  #uneasyUntil = 0;
  /** What this process had used before the scan that was made last. */
  #beforeScan = process.cpuUsage();
  readonly #scans = { count: 0, processorTime: 0 };
  readonly #parts = { count: 0, processorTime: 0 };
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
    this.#pending.openers.add(pid);
    this.process(pid);
    const isWatched = this.#openers.has(pid);
    this.#openers.set(pid, 0);
    if (!isWatched) this.#lookLater(pid);
  }

  #lookLater(pid: number): void {
    const after = AFTER_OPENING[this.#openers.get(pid) ?? 0];
    if (after === undefined) {
      this.#openers.delete(pid);
      return;
    }
    setTimeout(() => {
      this.process(pid);
      this.#openers.set(pid, (this.#openers.get(pid) ?? 0) + 1);
      this.#lookLater(pid);
    }, after).unref();
  }

  link(netnsInode: number, ifindex: number): void {
    this.#pending.addLink(netnsInode, ifindex);
    this.#wake?.abort();
  }

  netns(netnsInode: number): void {
    this.#pending.namespaces.add(netnsInode);
    this.#wake?.abort();
  }

  netnsGone(netnsInode: number): void {
    this.#pending.goneNamespaces.add(netnsInode);
    this.#wake?.abort();
  }

  everything(): void {
    this.#scanWanted = true;
    this.#wake?.abort();
  }

  /**
   * Events were lost. A scan finds what they would have told, but not what comes of it: who has opened a
   * node unseen may attach the file later.
   */
  lost(): void {
    this.#uneasyUntil = performance.now() + UNEASY;
    this.everything();
  }

  /** Ends only by an error. */
  async run(): Promise<never> {
    while (true) {
      const began = performance.now();
      this.#beforeScan = process.cpuUsage();
      const answers = this.#asked;
      this.#asked = [];
      this.#pending = new GrowingScope();
      this.#scanWanted = false;
      await this.looks.scan(answers);
      spend(this.#scans, costSince(this.#beforeScan));
      const took = performance.now() - began;
      // At least as long a rest as the work took: on a host so large that a scan takes longer than
      // the interval, half of one core is enough.
      const earliest = performance.now() + took;
      await this.#lookAtParts(earliest, Math.max(began + this.scanInterval, earliest));
    }
  }

  /**
   * From the start of the scan that was made last to the start of the next, milliseconds: what no trigger
   * tells is found by scans, as often as the budget allows.
   */
  get scanInterval(): number {
    return this.intervalAfter(costSince(this.#beforeScan));
  }

  /** What looks have taken since the first. */
  get effort(): { readonly scans: LooksEffort; readonly parts: LooksEffort } {
    return { scans: { ...this.#scans }, parts: { ...this.#parts } };
  }

  /** `cost` is what a scan took of all cores together, milliseconds. */
  intervalAfter(cost: number): number {
    const { share, isTold } = this.reconciling;
    if (performance.now() < this.#uneasyUntil) return SHORTEST;
    const allowed = isTold() ? share : Math.min(share * UNTOLD, 1);
    return Math.min(Math.max(cost / allowed, SHORTEST), LONGEST);
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
        const before = process.cpuUsage();
        await this.#lookAtPart();
        const cost = costSince(before);
        spend(this.#parts, cost);
        const rest = this.#allowance.spend(cost);
        if (rest > 0) await delay(rest);
      }
    }
  }

  async #lookAtPart(): Promise<void> {
    const scope = this.#pending;
    this.#pending = new GrowingScope();
    const outcome = scope.size > PART_MAX ? 'scan' : await this.looks.part(scope);
    if (outcome === 'settled') return;
    const after = RETRIES[scope.attempts++];
    if (outcome === 'scan' || after === undefined) {
      this.everything();
    } else {
      setTimeout(() => {
        this.#pending.add(scope);
        this.#wake?.abort();
      }, after).unref();
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

/** Processor time of all cores together, milliseconds. */
function costSince(before: NodeJS.CpuUsage): number {
  const { user, system } = process.cpuUsage(before);
  return (user + system) / 1000;
}

function spend(effort: { count: number; processorTime: number }, cost: number): void {
  effort.count++;
  effort.processorTime += cost;
}
