// A full scan by the probe's own code: finding, resolution, link facts and verdicts included.
import { procFinder } from '../src/inspect/find.js';
import { thisHost } from '../src/inspect/host.js';
import { Inspector } from '../src/inspect/inspector.js';
import { timed } from './contender.js';

export class Scanner {
  readonly #inspector = new Inspector({
    host: thisHost(),
    finder: procFinder,
    workloadOf: () => null,
  });
  readonly #netns: number;
  /** How many devices of the crowd the last scan told as held, by proven descriptors only. */
  held = 0;

  /** @param netns inode of the crowd's network namespace */
  constructor(netns: number) {
    this.#netns = netns;
  }

  /** Scans once and gives the milliseconds it took. */
  async run(): Promise<number> {
    let held = 0;
    const taken = await timed(async () => {
      const { bindings } = await this.#inspector.scan();
      held = bindings.filter(
        ({ device, verdict, holders }) =>
          device.netns.inode === this.#netns &&
          verdict === 'HELD' &&
          holders.every(({ fds }) => fds.every(({ evidence }) => evidence === 'IOCTL')),
      ).length;
    });
    this.held = held;
    return taken;
  }
}
