import { compiled } from './compiled.js';
import { Program } from './program.js';

/** What it did: when it began and how long the call took, nanoseconds of CLOCK_MONOTONIC. See actor.c. */
export interface Act {
  readonly at: bigint;
  readonly took: number;
  readonly value: number;
}

/** A process that does to a tap of its own, in namespaces of its own, what changes its holders. */
export class Actor {
  readonly #program = new Program(compiled('actor'));

  /** See actor.c for the commands. */
  async act(command: string): Promise<Act> {
    this.#program.send(command);
    const [at, took, value] = (await this.#program.answer()).split(' ');
    return { at: BigInt(at ?? ''), took: Number(took), value: Number(value) };
  }

  end(): Promise<void> {
    return this.#program.end();
  }
}
