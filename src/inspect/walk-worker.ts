/** Walks descriptor tables on a thread of its own. */
import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import type { FdTargets } from '../kernel/proc-fd.js';
import type { Finds } from './finds.js';

export interface WalkRequest {
  readonly procRoot: string;
  readonly targets: FdTargets;
  readonly pids: readonly number[];
}

export class WalkWorker {
  readonly #worker = new Worker(new URL('./walk-thread.js', import.meta.url), {
    // What belongs to the process is the main thread's.
    stdin: false,
    env: {},
  });

  private constructor() {
    this.#worker.unref();
  }

  /** Null when run from TypeScript source: the loader that makes that work does not reach threads. */
  static start(): WalkWorker | null {
    return import.meta.url.endsWith('.ts') ? null : new WalkWorker();
  }

  /** Rejects with the error of the walk. One walk at a time. */
  async walk({ procRoot, targets, pids }: WalkRequest): Promise<Finds> {
    const answer = once(this.#worker, 'message');
    this.#worker.postMessage({ procRoot, targets, pids } satisfies WalkRequest);
    const [finds] = (await answer) as [Finds];
    return finds;
  }

  async end(): Promise<void> {
    await this.#worker.terminate();
  }
}
