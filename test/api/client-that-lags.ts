/** A call whose client takes messages one by one, when the test says so. */
import { EventEmitter } from 'node:events';
import type { ServerWritableStream } from '@grpc/grpc-js';
import { status as Code } from '@grpc/grpc-js';
import type { ErrorStatus } from '../../src/api/error.js';

export class ClientThatLags {
  /** Written so far, taken or not. */
  readonly written: Buffer[] = [];
  /** Status with which the call ended; null while it has not. */
  code: Code | null = null;
  details = '';
  readonly call: ServerWritableStream<unknown, Buffer>;
  readonly #untaken: (() => void)[] = [];

  constructor() {
    const events = new EventEmitter();
    events.on('error', (status: ErrorStatus) => {
      this.code = status.code;
      this.details = status.details;
    });
    this.call = Object.assign(events, {
      cancelled: false,
      write: (message: Buffer, taken: () => void) => {
        this.written.push(message);
        this.#untaken.push(taken);
      },
      end: () => {
        this.code = Code.OK;
      },
    }) as unknown as ServerWritableStream<unknown, Buffer>;
  }

  get untaken(): number {
    return this.#untaken.length;
  }

  take(count = 1): void {
    for (const taken of this.#untaken.splice(0, count)) taken();
  }
}
