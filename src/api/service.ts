/** The service of tap_binding_service.proto, as grpc-js takes it. */
import type { handleServerStreamingCall, ServerWritableStream } from '@grpc/grpc-js';
import type {
  ListTapBindingsRequest,
  WatchTapBindingsRequest,
} from '../gen/tapmap/v1/tap_binding_service.js';
import type { Peer } from '../access/peer.js';
import { admit, type AccessControl } from './admission.js';
import { CallSlots, tooMany } from './call-slots.js';
import type { ServiceContext } from './context.js';
import { ApiError } from './error.js';
import { FanOut } from './fan-out.js';
import { freshScan } from './fresh-scan.js';
import type { Limits } from './limits.js';
import { DEFAULT_LIMITS } from './limits.js';
import { listMessages, parseListRequest, type ListPlan } from './list-tap-bindings.js';
import { failCall, ResponseStream, sourceOf } from './response-stream.js';
import { SharedMessages } from './shared-messages.js';
import { Watcher } from './watcher.js';
import { parseWatchRequest, watchStart, type WatchPlan } from './watch-request.js';

export interface TapBindingServiceOptions extends Omit<
  ServiceContext,
  'limits' | 'room' | 'fanOut' | 'sharedMessages'
> {
  /**
   * Aborted when the server begins to drain: new calls are refused, waits for a scan are given up,
   * watch streams end with status OK once what is pending is sent. Lists that run go on.
   */
  readonly lifecycle: { readonly draining: AbortSignal };
  readonly access: AccessControl;
  readonly limits?: Partial<Limits>;
}

/** The service, and what it must be told. */
export interface TapBindingApi {
  readonly implementation: TapBindingServiceHandlers;
  /** The access policy is another one now: watchers that it means are ended. */
  readonly accessChanged: () => void;
}

interface OpenWatch {
  readonly watcher: Watcher;
  readonly peer: Peer;
  readonly plan: WatchPlan;
}

type ListCall = ServerWritableStream<ListTapBindingsRequest, Buffer>;
type WatchCall = ServerWritableStream<WatchTapBindingsRequest, Buffer>;

/** Answers encoded, see service-definition.ts. */
// No interface: grpc-js takes what has an index signature.
// eslint-disable-next-line @typescript-eslint/consistent-type-definitions
type TapBindingServiceHandlers = {
  readonly listTapBindings: handleServerStreamingCall<ListTapBindingsRequest, Buffer>;
  readonly watchTapBindings: handleServerStreamingCall<WatchTapBindingsRequest, Buffer>;
};

const RETRY_MS = 1000;
/** A list is over in a moment, a watch is not. */
const RETRY_WATCH_MS = 10_000;

export function tapBindingService(options: TapBindingServiceOptions): TapBindingApi {
  const service = new TapBindingService(options);
  return {
    implementation: {
      listTapBindings: (call: ListCall) => {
        void service.list(call);
      },
      watchTapBindings: (call: WatchCall) => {
        service.watch(call);
      },
    },
    accessChanged: () => {
      service.accessChanged();
    },
  };
}

class TapBindingService {
  readonly #context: ServiceContext;
  readonly #draining: AbortSignal;
  readonly #access: AccessControl;
  readonly #watchers = new Set<OpenWatch>();
  readonly #watchSlots: CallSlots;
  readonly #listSlots: CallSlots;
  /** Lists that wait for a scan. */
  readonly #waiting = new Set<AbortController>();

  constructor(options: TapBindingServiceOptions) {
    const limits = { ...DEFAULT_LIMITS, ...options.limits };
    const { watchers, lists, unreadBytes, allUnreadBytes, sharedBytes } = limits;
    this.#watchSlots = new CallSlots(watchers, () =>
      tooMany('TOO_MANY_WATCHERS', 'watchers', RETRY_WATCH_MS),
    );
    this.#listSlots = new CallSlots(lists, () =>
      tooMany('TOO_MANY_LISTS', 'lists at once', RETRY_MS),
    );
    this.#context = {
      ...options,
      limits,
      room: () => {
        const streams = this.#watchSlots.taken + this.#listSlots.taken;
        return Math.min(unreadBytes, allUnreadBytes / streams);
      },
      fanOut: new FanOut(),
      sharedMessages: new SharedMessages(sharedBytes),
    };
    this.#access = options.access;
    this.#draining = options.lifecycle.draining;
    // One listener for all calls: they come and go, the signal stays.
    this.#draining.addEventListener('abort', () => {
      for (const { watcher } of [...this.#watchers]) watcher.drain();
      for (const waiting of [...this.#waiting]) waiting.abort(draining());
    });
  }

  async list(call: ListCall): Promise<void> {
    const onInternalError = (error: unknown): void => {
      this.#context.log(error, 'ListTapBindings');
    };
    try {
      this.#checkReady();
      let plan = this.#listPlan(call);
      this.#listSlots.take(call);
      if (plan.fresh) {
        await this.#waitForScan(call);
        // The access policy may be another one by now.
        if (!call.cancelled) plan = this.#listPlan(call);
      }
      if (call.cancelled) return;
      const messages = listMessages(this.#context, this.#context.store.snapshot(), plan);
      const { limits, room, events } = this.#context;
      const onSent = (): void => {
        events.sent('ListTapBindings', null);
      };
      const onAbandoned = (): void => {
        this.#context.disconnect(call);
      };
      const streamOptions = { limits, room, onInternalError, onSent, onAbandoned };
      new ResponseStream(call, sourceOf(messages), streamOptions).pump();
    } catch (error) {
      if (!call.cancelled) failCall(call, error, onInternalError);
    }
  }

  #listPlan(call: ListCall): ListPlan {
    const access = admit(this.#access, this.#access.peerOf(call));
    return parseListRequest(call.request, access);
  }

  watch(call: WatchCall): void {
    try {
      this.#checkReady();
      const peer = this.#access.peerOf(call);
      const access = admit(this.#access, peer);
      const plan = parseWatchRequest(call.request, access);
      if (call.cancelled) return;
      this.#watchSlots.take(call);
      const start = watchStart(plan, this.#context.store);
      const watcher = new Watcher(this.#context, call, plan, () => {
        this.#watchers.delete(watching);
      });
      const watching = { watcher, peer: peer!, plan };
      this.#watchers.add(watching);
      watcher.start(start);
    } catch (error) {
      failCall(call, error, (internal) => {
        this.#context.log(internal, 'WatchTapBindings');
      });
    }
  }

  accessChanged(): void {
    for (const watching of [...this.#watchers]) {
      try {
        this.#checkAccess(watching);
      } catch (error) {
        watching.watcher.fail(error);
      }
    }
  }

  /** Throws ApiError when the stream must not go on as it is. */
  #checkAccess({ peer, plan }: OpenWatch): void {
    const isRedacted = !admit(this.#access, peer).commandLines;
    if (isRedacted === plan.redacted || plan.selection.view === 'BASIC') return;
    const message = 'the access policy shows another part of each binding now: resume';
    throw new ApiError('ACCESS_CHANGED', message);
  }

  #checkReady(): void {
    if (this.#draining.aborted) throw draining();
    if (!this.#context.store.ready) {
      const message = 'the server is starting: no scan has finished yet';
      throw new ApiError('STARTING', message, { retryAfterMs: RETRY_MS });
    }
  }

  async #waitForScan(call: ListCall): Promise<void> {
    if (this.#waiting.size >= this.#context.limits.freshLists) {
      throw tooMany('TOO_MANY_FRESH_LISTS', 'lists that wait for a scan', RETRY_MS);
    }
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
