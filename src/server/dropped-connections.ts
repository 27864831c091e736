/** Tells of connections that were closed as there are as many as allowed: each is counted, one line a minute. */
import type { Logger } from 'pino';

const QUIET_MS = 60_000;

export class DroppedConnections {
  #untold = 0;
  #toldAt = -Infinity;

  /** `counted` is called for each. */
  constructor(
    private readonly address: string,
    private readonly log: Logger,
    private readonly counted: () => void,
  ) {}

  /** `now`: milliseconds of a clock that nobody sets. */
  add(now = performance.now()): void {
    this.counted();
    this.#untold++;
    if (now - this.#toldAt < QUIET_MS) return;
    const { address, log } = this;
    log.warn({ address, dropped: this.#untold }, 'connections closed: as many as allowed are open');
    this.#untold = 0;
    this.#toldAt = now;
  }
}
