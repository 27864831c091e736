// A /run of the test's own, in a mount namespace: what container runtimes keep there (state, sockets)
// is out of the way of those of the machine, is seen by a tapmap that is started in the same mount
// namespace, and is gone with it, however the test ends.
import { startHolder, type Holder } from '../stage/holder.js';

// Without the network namespaces that are mounted there: the copies of the mounts would keep them.
const SET_UP =
  'umount -R -l /run/netns 2> /dev/null; mount -t tmpfs -o mode=755 tmpfs /run && exec "$@"';

export class PrivateRun {
  /** Command line that starts another in that mount namespace, with `/` as its working directory. */
  readonly under: readonly [string, ...string[]];
  readonly #keeper: Holder;

  private constructor(keeper: Holder) {
    this.#keeper = keeper;
    this.under = ['nsenter', `--mount=/proc/${keeper.pid}/ns/mnt`, '--'];
  }

  static async start(): Promise<PrivateRun> {
    const under = ['unshare', '--mount', '--', 'sh', '-c', SET_UP, 'sh'];
    return new PrivateRun(await startHolder([], { under }));
  }

  async stop(): Promise<void> {
    await this.#keeper.kill();
  }
}
