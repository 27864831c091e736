/** How many calls are being answered, so that a draining server knows when it may close. */
import type { ServerWritableStream } from '@grpc/grpc-js';

type StreamHandler<Request, Response> = (call: ServerWritableStream<Request, Response>) => void;

/** Each of these is the last that is heard of a call. */
const ENDS = ['finish', 'cancelled', 'error', 'close'] as const;

export class CallCount {
  #calls = 0;
  #onNone: (() => void) | null = null;

  counted<Request, Response>(
    handler: StreamHandler<Request, Response>,
  ): StreamHandler<Request, Response> {
    return (call) => {
      this.#calls++;
      let isOpen = true;
      const end = (): void => {
        if (!isOpen) return;
        isOpen = false;
        if (--this.#calls === 0) this.#onNone?.();
      };
      for (const event of ENDS) call.once(event, end);
      handler(call);
    };
  }

  /** Resolves when there is no call, or after `limit` milliseconds. */
  async none(limit: number): Promise<void> {
    if (this.#calls === 0) return;
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, limit);
      this.#onNone = () => {
        clearTimeout(timer);
        resolve();
      };
    });
    this.#onNone = null;
  }
}
