// Carries out a list of operations, and compares at each rest.
import { AssertionError } from 'node:assert/strict';
import { inspect } from 'node:util';
import type { Listed, Tapmap } from '../scenarios/tapmap.js';
import { netnsInode } from '../stage/netns.js';
import { Comparison, isOurs } from './compare.js';
import { happened } from './effect.js';
import { Meanwhile } from './meanwhile.js';
import type { Operation } from './operation.js';
import { isPossible } from './possible.js';
import { detachedSettled, settled } from './settled.js';
import { Truth } from './truth.js';
import { homePath } from './way-in.js';
import { World } from './world.js';

export interface Outcome {
  /** Operations that were carried out, and rests at which all was compared. */
  readonly operations: number;
  readonly rests: number;
  readonly failure: Failure | null;
}

interface Failure {
  /** The program under test says what is not so; or the churn itself could not go on. */
  readonly kind: 'mismatch' | 'churn';
  /** Index of the operation at which it showed. */
  readonly at: number;
  readonly message: string;
}

class Mismatch extends Error {}

/** What only another program's look at our files explains is asked again so often. */
const PATIENCE = 5;

/** After `end` (of performance.now()) only the last operation is carried out. */
export async function churn(
  tapmap: Tapmap,
  operations: readonly Operation[],
  end = Infinity,
): Promise<Outcome> {
  const world = new World();
  const run = new Run(tapmap, world);
  let at = 0;
  let failure: Failure | null = null;
  try {
    for (; at < operations.length; at++) {
      if (performance.now() < end || at === operations.length - 1) await run.step(operations[at]!);
    }
  } catch (error) {
    const kind = error instanceof Mismatch ? 'mismatch' : 'churn';
    failure = { kind, at, message: error instanceof Error ? error.message : String(error) };
  }
  await run.end();
  await world.close();
  return { operations: run.operations, rests: run.rests, failure };
}

class Run {
  operations = 0;
  rests = 0;
  readonly #truth: Truth;
  readonly #meanwhile: Meanwhile;
  readonly #comparison: Comparison;
  #looks: Promise<Listed>[] = [];
  /** Batches of the watch that were dealt with. */
  #batches: number;

  constructor(
    private readonly tapmap: Tapmap,
    private readonly world: World,
  ) {
    this.#truth = new Truth(netnsInode(homePath()));
    this.#meanwhile = new Meanwhile(this.#truth);
    this.#comparison = new Comparison(world, this.#truth, (device) =>
      this.#meanwhile.heldBy(device),
    );
    this.#batches = tapmap.replay.batches.length;
  }

  async step(operation: Operation): Promise<void> {
    if (!isPossible(this.#truth, operation)) return;
    switch (operation.do) {
      case 'look':
        this.#look();
        break;
      case 'rest':
        await this.#rest();
        return;
      default: {
        if (operation.do === 'attach') await detachedSettled(this.#truth);
        const learned = await this.world.carryOut(operation, this.#truth);
        happened(this.#truth, operation, learned);
        this.#meanwhile.happened(operation, learned);
        await settled(this.#truth);
      }
    }
    this.operations++;
  }

  #look(): void {
    const look = this.tapmap.list();
    // Told at the rest.
    look.catch(() => undefined);
    this.#looks.push(look);
  }

  async #rest(): Promise<void> {
    for (const look of this.#looks.splice(0)) {
      let listed: Listed;
      try {
        listed = await look;
      } catch (error) {
        throw new Mismatch(`a List failed: ${String(error)}`);
      }
      this.#check(this.#meanwhile.problemsOfList(listed.bindings.filter(isOurs)), listed);
    }
    await detachedSettled(this.#truth);
    await this.#compare();
    for (const batch of this.tapmap.replay.batches.slice(this.#batches)) {
      this.#check(this.#meanwhile.problemsOfBatch(batch));
    }
    this.#batches = this.tapmap.replay.batches.length;
    this.#meanwhile.rested();
    this.rests++;
  }

  async #compare(): Promise<void> {
    for (let attempt = 1; ; attempt++) {
      let listed: Listed;
      try {
        listed = await this.tapmap.agreed();
      } catch (error) {
        if (error instanceof AssertionError) throw new Mismatch(`List and Watch: ${error.message}`);
        throw new Mismatch(`List failed: ${String(error)}`);
      }
      const problems = this.#comparison.problems(listed.bindings);
      if (problems.length === 0) return;
      if (attempt === PATIENCE || !this.#hasStranger(listed)) this.#check(problems, listed);
    }
  }

  /** Whether another program just looks at one of our files: it holds a copy for that moment. */
  #hasStranger({ bindings }: Listed): boolean {
    const pids = new Set([...this.#truth.processes.values()].map(({ pid }) => pid));
    return bindings
      .filter(isOurs)
      .some(({ holders }) => holders.some(({ process }) => !pids.has(process!.pid)));
  }

  #check(problems: readonly string[], listed?: Listed): void {
    if (problems.length === 0) return;
    const denied = listed === undefined ? [] : [inspect(listed.coverage.deniedNetns)];
    throw new Mismatch([...problems, ...denied].join('\n'));
  }

  async end(): Promise<void> {
    await Promise.allSettled(this.#looks);
  }
}
