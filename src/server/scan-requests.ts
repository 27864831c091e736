/** `fresh` requests of clients, as few scans as can answer them. */
import { ServerError } from './error.js';

interface Waiter {
  readonly resolve: () => void;
  readonly reject: (reason: Error) => void;
}

/** Those who wait for one scan. */
type Party = Set<Waiter>;

/**
 * At most one scan is asked for at a time. Who comes while one is pending cannot share it, because
 * it may have begun before; all who come then share the next one.
 */
export class ScanRequests {
  #send: ((id: number) => void) | null = null;
  #id = 0;
  /** Waits for the scan `#id`; null when none is pending. */
  #pending: Party | null = null;
  #next: Party = new Set();

  /** There is a probe now; `send` asks it for a scan. */
  attach(send: (id: number) => void): void {
    this.#send = send;
  }

  /** There is no probe any more: whoever waits gets a ServerError SCAN. */
  detach(): void {
    this.#send = null;
    const waiters = [...(this.#pending ?? []), ...this.#next];
    this.#pending = null;
    this.#next = new Set();
    for (const { reject } of waiters) reject(new ServerError('SCAN', 'the probe was lost'));
  }

  /** The store shows what the scans `ids` found. */
  answered(ids: readonly number[]): void {
    if (this.#pending === null || !ids.includes(this.#id)) return;
    const done = this.#pending;
    this.#pending = null;
    for (const { resolve } of done) resolve();
    this.#ask();
  }

  /**
   * Resolves once the store shows a scan that began after this call. Rejects with ServerError SCAN
   * when there is no probe or it is lost, and with the reason of `signal` when that aborts.
   */
  async scanNow(signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    if (this.#send === null) throw new ServerError('SCAN', 'there is no probe');
    let leave = (): void => undefined;
    try {
      await new Promise<void>((resolve, reject) => {
        const waiter = { resolve, reject };
        const party = this.#next.add(waiter);
        leave = () => {
          party.delete(waiter);
          reject(signal.reason as Error);
        };
        signal.addEventListener('abort', leave);
        if (this.#pending === null) this.#ask();
      });
    } finally {
      signal.removeEventListener('abort', leave);
    }
  }

  #ask(): void {
    if (this.#next.size === 0 || this.#send === null) return;
    this.#pending = this.#next;
    this.#next = new Set();
    this.#send(++this.#id);
  }
}
