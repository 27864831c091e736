/** How many calls are being answered, so that a draining server knows when it may close, and what came of them. */
import { status, type ServerWritableStream } from '@grpc/grpc-js';

type StreamHandler<Request, Response> = (call: ServerWritableStream<Request, Response>) => void;

export class CallCount {
  #calls = 0;
  #onNone: (() => void) | null = null;

  /** `ended` is called once a call, with its status. */
  counted<Request, Response>(
    handler: StreamHandler<Request, Response>,
    ended: (code: status) => void,
  ): StreamHandler<Request, Response> {
    return (call) => {
      this.#calls++;
      let isOpen = true;
      const end = (code: status): void => {
        if (!isOpen) return;
        isOpen = false;
        ended(code);
        if (--this.#calls === 0) this.#onNone?.();
      };
      // Each of these is the last that is heard of a call. An error ends it with its status, and finishes it.
      call.prependOnceListener('error', ({ code }: Error & { readonly code?: status }) => {
        end(code ?? status.UNKNOWN);
      });
      call.once('finish', () => {
        end(status.OK);
      });
      for (const event of ['cancelled', 'close']) {
        call.once(event, () => {
          end(status.CANCELLED);
        });
      }
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
