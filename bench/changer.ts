// Changes devices of a namespace at an even pace, as `ip` does it.
import { spawn, type ChildProcessByStdio } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout as delay } from 'node:timers/promises';
import type { Writable } from 'node:stream';

export class Changer {
  readonly #ip: ChildProcessByStdio<Writable, null, null>;

  /** `pid`: a process that lives in the namespace. */
  constructor(pid: number) {
    this.#ip = spawn('nsenter', [`--net=/proc/${pid}/ns/net`, 'ip', '-batch', '-'], {
      stdio: ['pipe', 'ignore', 'inherit'],
    });
  }

  /**
   * Sets the MTU of one device after the other, so many a second.
   * @returns when it was about to set the last one, milliseconds since the epoch
   */
  async change(
    devices: readonly string[],
    { perSecond, seconds, abort }: { perSecond: number; seconds: number; abort: AbortSignal },
  ): Promise<number> {
    let last = 0;
    const begin = performance.now();
    const all = perSecond * seconds;
    for (let done = 0; done < all;) {
      const due = Math.min(((performance.now() - begin) / 1000) * perSecond, all);
      for (; done < due; done++) {
        last = Date.now();
        const device = devices[done % devices.length]!;
        this.#ip.stdin.write(`link set ${device} mtu ${1000 + (done % 400)}\n`);
      }
      await delay(5, undefined, { signal: abort });
    }
    return last;
  }

  async end(): Promise<void> {
    this.#ip.stdin.end();
    await once(this.#ip, 'close');
  }
}
