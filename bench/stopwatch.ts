import { setTimeout as delay } from 'node:timers/promises';
import type { Act, Actor } from './actor.js';
import type { Arrival, Watcher } from './watcher.js';

/** So long nothing may come of what the kernel tells at once, milliseconds. */
export const PATIENCE = 15_000;
/** Whoever opened a node is looked at again and again for that long, milliseconds. */
export const OPENER_IS_WATCHED = 1_500;

/** Milliseconds: until the change arrived, and what the system call itself took of that. */
export interface Sample {
  readonly arrived: number;
  readonly call: number;
}

/** By what was done. */
export type Samples = Map<string, Sample[]>;

/** From what an actor does to what a client sees. */
export class Stopwatch {
  constructor(
    private readonly actor: Actor,
    private readonly watcher: Watcher,
    private readonly samples: Samples,
    private readonly signal: AbortSignal,
  ) {}

  /**
   * Has the actor do it and takes the time until the change arrives that `is` what it comes to. A rest
   * goes before, at random, so that changes are seen one by one and at any moment of what else goes on.
   */
  async time(
    kind: string,
    command: string,
    is: (arrival: Arrival) => boolean,
    patience = PATIENCE,
  ): Promise<Act> {
    await delay(20 + Math.random() * 30, undefined, { signal: this.signal });
    const arrival = this.watcher.arrival(kind, is, patience, this.signal);
    const [arrived, act] = await Promise.all([arrival, this.actor.act(command)]);
    const taken = this.samples.get(kind) ?? [];
    taken.push({ arrived: Number(arrived - act.at) / 1e6, call: act.took / 1e6 });
    this.samples.set(kind, taken);
    return act;
  }
}
