/** The service of tap_binding_service.proto, as grpc-js takes it. */
import type { ServerWritableStream } from '@grpc/grpc-js';
import type {
  ListTapBindingsRequest,
  ListTapBindingsResponse,
  TapBindingServiceServer,
  WatchTapBindingsRequest,
  WatchTapBindingsResponse,
} from '../gen/tapmap/v1/tap_binding_service.js';
import type { ServiceContext } from './context.js';
import { ApiError } from './error.js';
import { FanOut } from './fan-out.js';
import { freshScan } from './fresh-scan.js';
import type { Limits } from './limits.js';
import { DEFAULT_LIMITS } from './limits.js';
import { listMessages, parseListRequest } from './list-tap-bindings.js';
import { failCall, ResponseStream, sourceOf } from './response-stream.js';
import { SharedMessages } from './shared-messages.js';
import { Watcher } from './watcher.js';
import { parseWatchRequest, watchStart } from './watch-request.js';

export interface TapBindingServiceOptions extends Omit<
  ServiceContext,
  'limits' | 'fanOut' | 'sharedMessages'
> {
  /**
   * Aborted when the server begins to drain: new calls are refused, waits for a scan are given up,
   * watch streams end with status OK once what is pending is sent. Lists that run go on.
   */
  readonly lifecycle: { readonly draining: AbortSignal };
  readonly limits?: Partial<Limits>;
}

type ListCall = ServerWritableStream<ListTapBindingsRequest, ListTapBindingsResponse>;
type WatchCall = ServerWritableStream<WatchTapBindingsRequest, WatchTapBindingsResponse>;

const RETRY_MS = 1000;
const RETRY_WATCH_MS = 10_000;

export function tapBindingService(options: TapBindingServiceOptions): TapBindingServiceServer {
  const service = new TapBindingService(options);
  return {
    listTapBindings: (call: ListCall) => {
      void service.list(call);
    },
    watchTapBindings: (call: WatchCall) => {
      service.watch(call);
    },
  };
}

class TapBindingService {
  readonly #context: ServiceContext;
  readonly #draining: AbortSignal;
  readonly #watchers = new Set<Watcher>();
  /** Lists that wait for a scan. */
  readonly #waiting = new Set<AbortController>();

  constructor(options: TapBindingServiceOptions) {
    this.#context = {
      ...options,
      limits: { ...DEFAULT_LIMITS, ...options.limits },
      fanOut: new FanOut(),
      sharedMessages: new SharedMessages(),
    };
    this.#draining = options.lifecycle.draining;
    // One listener for all calls: they come and go, the signal stays.
    this.#draining.addEventListener('abort', () => {
      for (const watcher of [...this.#watchers]) watcher.drain();
      for (const waiting of [...this.#waiting]) waiting.abort(draining());
    });
  }

  async list(call: ListCall): Promise<void> {
    const onInternalError = (error: unknown): void => {
      this.#context.log(error, 'ListTapBindings');
    };
    try {
      this.#admit();
      const plan = parseListRequest(call.request);
      if (plan.fresh) await this.#waitForScan(call);
      if (call.cancelled) return;
      const messages = listMessages(this.#context, this.#context.store.snapshot(), plan);
      const { limits } = this.#context;
      new ResponseStream(call, sourceOf(messages), { limits, onInternalError }).pump();
    } catch (error) {
      if (!call.cancelled) failCall(call, error, onInternalError);
    }
  }

  watch(call: WatchCall): void {
    try {
      this.#admit();
      const plan = parseWatchRequest(call.request);
      if (this.#watchers.size >= this.#context.limits.watchers) {
        const message = 'there are as many watchers as the server allows';
        throw new ApiError('TOO_MANY_WATCHERS', message, { retryAfterMs: RETRY_WATCH_MS });
      }
      if (call.cancelled) return;
      const start = watchStart(plan, this.#context.store);
      const watcher = new Watcher(this.#context, call, plan, () => {
        this.#watchers.delete(watcher);
      });
      this.#watchers.add(watcher);
      watcher.start(start);
    } catch (error) {
      failCall(call, error, (internal) => {
        this.#context.log(internal, 'WatchTapBindings');
      });
    }
  }

  #admit(): void {
    if (this.#draining.aborted) throw draining();
    if (!this.#context.store.ready) {
      const message = 'the server is starting: no scan has finished yet';
      throw new ApiError('STARTING', message, { retryAfterMs: RETRY_MS });
    }
  }

  async #waitForScan(call: ListCall): Promise<void> {
    const waiting = new AbortController();
    const cancel = (): void => {
      waiting.abort();
    };
    this.#waiting.add(waiting);
    call.once('cancelled', cancel);
    try {
      await freshScan(this.#context, waiting.signal);
    } finally {
      this.#waiting.delete(waiting);
      call.off('cancelled', cancel);
    }
  }
}

function draining(): ApiError {
  const message = 'the server is draining';
  return new ApiError('DRAINING', message, { retryAfterMs: RETRY_MS });
}
