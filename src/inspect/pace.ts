import { setImmediate as nextTurn } from 'node:timers/promises';

/** How long inspection may keep the event loop, milliseconds: the probe must answer meanwhile. */
const TURN = 20;

/** Lets other work of the process go first whenever a turn is used up. */
export class Pace {
  #turnEnds = performance.now() + TURN;

  async rest(): Promise<void> {
    if (performance.now() < this.#turnEnds) return;
    await nextTurn();
    this.#turnEnds = performance.now() + TURN;
  }
}
