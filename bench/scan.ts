// A full scan by the probe's own code: finding, resolution, link facts and verdicts included.
import type * as Choose from '../src/inspect/choose-finder.js';
import type * as Find from '../src/inspect/find.js';
import type * as Host from '../src/inspect/host.js';
import type * as Inspect from '../src/inspect/inspector.js';
import type * as Walk from '../src/inspect/walk-worker.js';
import { timed } from './contender.js';

// What is built is measured, as that is what runs; its types are those of the source.
const built = (room: string): Promise<unknown> =>
  import(new URL(`../dist/${room}.js`, import.meta.url).href);
const { chooseFinder, FinderError } = (await built('inspect/choose-finder')) as typeof Choose;
const { procFinder } = (await built('inspect/find')) as typeof Find;
const { thisHost } = (await built('inspect/host')) as typeof Host;
const { Inspector } = (await built('inspect/inspector')) as typeof Inspect;
const { WalkWorker } = (await built('inspect/walk-worker')) as typeof Walk;

export class Scanner {
  readonly #inspector: Inspect.Inspector;
  readonly #netns: number;
  /** How many devices of the crowd the last scan told as held, by proven descriptors only. */
  held = 0;

  private constructor(netns: number, finder: Find.Finder) {
    this.#netns = netns;
    const identified = { workloadOf: () => null, userNameOf: () => '' };
    this.#inspector = new Inspector({ host: thisHost(), finder, ...identified });
  }

  /**
   * @param netns inode of the crowd's network namespace
   * @returns why the finder cannot be had here, or one that scans with it
   */
  static with(choice: 'proc' | 'bpf', netns: number): Scanner | string {
    try {
      return new Scanner(
        netns,
        chooseFinder(choice, () => procFinder(WalkWorker.start())),
      );
    } catch (error) {
      if (error instanceof FinderError) return error.message;
      throw error;
    }
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
