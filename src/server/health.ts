/** grpc.health.v1.Health: of the whole server and of the service, and of no other name. */
import {
  status,
  type sendUnaryData,
  type Server,
  type ServerUnaryCall,
  type ServerWritableStream,
} from '@grpc/grpc-js';
import { HealthImplementation } from 'grpc-health-check';
import type { CallSlots } from '../api/call-slots.js';
import { errorStatus, throwViolations } from '../api/error.js';

const NAMES: readonly string[] = ['', 'tapmap.v1.TapBindingService'];

/** grpc-js keeps what a stream began with as long as the stream lasts: a name, and not all that a request can be. */
const WATCH_REQUEST_MAX = 4096;

interface Request {
  readonly service: string;
}
interface WatchRequest {
  /** Null: the request is too large. */
  readonly service: string | null;
}
type CheckCall = ServerUnaryCall<Request, unknown>;
type WatchCall = ServerWritableStream<WatchRequest, { readonly status: string }>;
type Definition = Parameters<Parameters<HealthImplementation['addToServer']>[0]['addService']>[0];

/** As grpc-health-check has them, which declares no types for them. */
interface Handlers {
  readonly check: (call: CheckCall, answer: sendUnaryData<unknown>) => void;
  readonly watch: (call: WatchCall) => void;
}

export class Health {
  readonly #library = new HealthImplementation(
    Object.fromEntries(NAMES.map((name) => [name, 'NOT_SERVING'])),
  );

  /** Each watcher takes one of `slots`. */
  constructor(server: Pick<Server, 'addService'>, slots: CallSlots) {
    this.#library.addToServer({
      addService: (definition, handlers) => {
        const { check, watch } = handlers as unknown as Handlers;
        const guarded = { check: guardedCheck(check), watch: guardedWatch(watch, slots) };
        server.addService(withSmallWatchRequests(definition), { ...handlers, ...guarded });
      },
    });
  }

  setServing(serving: boolean): void {
    for (const name of NAMES) this.#library.setStatus(name, serving ? 'SERVING' : 'NOT_SERVING');
  }
}

function withSmallWatchRequests(definition: Definition): Definition {
  const { Watch: watch } = definition;
  if (watch === undefined) throw new TypeError('Health has no Watch');
  const requestDeserialize = (bytes: Buffer): object =>
    bytes.length > WATCH_REQUEST_MAX ? { service: null } : watch.requestDeserialize(bytes);
  return { ...definition, Watch: { ...watch, requestDeserialize } };
}

/** The library would answer with the name, which may be larger than a header can be. */
function guardedCheck(check: Handlers['check']): Handlers['check'] {
  return (call, answer) => {
    if (NAMES.includes(call.request.service)) check(call, answer);
    else answer({ code: status.NOT_FOUND, details: 'the server has no service of this name' });
  };
}

/** The library would keep each name for ever that was once asked for. */
function guardedWatch(watch: Handlers['watch'], slots: CallSlots): Handlers['watch'] {
  return (call) => {
    const { service } = call.request;
    try {
      if (service === null) throwViolations([TOO_LONG]);
      slots.take(call);
    } catch (error) {
      call.emit('error', errorStatus(error));
      return;
    }
    if (service !== null && NAMES.includes(service)) watch(call);
    // Not an end: health.proto has it go on, as the service may come to be known.
    else call.write({ status: 'SERVICE_UNKNOWN' });
  };
}

const TOO_LONG = {
  field: 'service',
  description: `must be shorter than ${WATCH_REQUEST_MAX} bytes to be watched`,
};
