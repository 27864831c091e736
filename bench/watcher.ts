import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import type { ChangeType } from '../src/gen/tapmap/v1/tap_binding_service.js';

const MAIN = fileURLToPath(new URL('./watcher-main.ts', import.meta.url));

/** A change as a client had it in its hands. */
export interface Arrival {
  /** CLOCK_MONOTONIC, nanoseconds, in decimal. */
  readonly at: string;
  readonly type: ChangeType;
  readonly name: string;
  /** Inode of the device's network namespace. */
  readonly netns: number;
  /** `fds`: how many descriptors. */
  readonly holders: readonly {
    readonly pid: number;
    readonly comm: string;
    readonly fds: number;
  }[];
}

interface Awaited {
  readonly is: (arrival: Arrival) => boolean;
  readonly arrived: (at: bigint) => void;
}

/** A client that watches, in a process of its own. */
export class Watcher {
  readonly #child;
  readonly #watching: Promise<void>;
  readonly #awaited = new Set<Awaited>();

  /** @param glob of the names of the devices to watch */
  constructor(target: string, glob: string) {
    const args = ['--import', 'tsx', MAIN, target, glob];
    this.#child = spawn(process.execPath, args, { stdio: ['pipe', 'pipe', 'inherit'] });
    this.#child.stdin.on('error', () => undefined);
    this.#watching = new Promise((resolve, reject) => {
      createInterface({ input: this.#child.stdout }).on('line', (line) => {
        if (line === 'watching') resolve();
        else this.#take(JSON.parse(line) as Arrival);
      });
      this.#child.on('close', () => {
        reject(new Error('the watcher ended'));
      });
    });
    this.#watching.catch(() => undefined); // Seen by who waits.
  }

  /** Resolves when the stream has begun. */
  watching(): Promise<void> {
    return this.#watching;
  }

  /**
   * When the first such change, of those from now on, was in the client's hands: CLOCK_MONOTONIC,
   * nanoseconds.
   * @throws Error after `milliseconds`, saying `what` was waited for, and the signal's reason
   */
  arrival(
    what: string,
    is: (arrival: Arrival) => boolean,
    milliseconds: number,
    signal: AbortSignal,
  ): Promise<bigint> {
    return new Promise((resolve, reject) => {
      const end = (): void => {
        clearTimeout(timer);
        signal.removeEventListener('abort', abort);
        this.#awaited.delete(awaited);
      };
      const awaited: Awaited = {
        is,
        arrived: (at) => {
          end();
          resolve(at);
        },
      };
      const timer = setTimeout(() => {
        end();
        reject(new Error(`${what}: no change within ${milliseconds} ms`));
      }, milliseconds);
      const abort = (): void => {
        end();
        reject(signal.reason as Error);
      };
      signal.addEventListener('abort', abort);
      this.#awaited.add(awaited);
    });
  }

  async end(): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    this.#child.stdin.end();
    await once(this.#child, 'exit');
  }

  #take(arrival: Arrival): void {
    for (const awaited of [...this.#awaited]) {
      if (awaited.is(arrival)) awaited.arrived(BigInt(arrival.at));
    }
  }
}
