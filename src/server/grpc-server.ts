/** The gRPC side: the service, health and reflection on connections that listeners hand over. */
import { Server, ServerCredentials, type UntypedServiceImplementation } from '@grpc/grpc-js';
import type { Socket } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import type { PeerCall } from '../api/admission.js';
import { CallSlots, tooMany } from '../api/call-slots.js';
import type { Limits } from '../api/limits.js';
import { tapBindingServiceDefinition } from '../api/service-definition.js';
import { requestDeadline } from './request-deadline.js';
import { Health } from './health.js';
import { addReflection } from './reflection.js';

/** Requests are filters. What is not all there yet is held for each call, whoever the client is. */
const RECEIVE_MAX = 64 * 1024;
const REQUEST_MS = 10_000;
/** Messages are cut far below; one binding alone may be large. */
const SEND_MAX = 64 * 1024 * 1024;
/** Of one connection: a client that opens more waits, and cannot take all that the service allows. */
const STREAMS_MAX = 1024;
const KEEPALIVE_MS = 30_000;
// No client is cut off before the minute that the API gives it to take what was sent.
const KEEPALIVE_TIMEOUT_MS = 60_000;
/** A watcher of health stays: trying again at once would not help. */
const RETRY_MS = 10_000;

export interface GrpcServerOptions {
  /** Whether a call for the schema is answered. */
  readonly mayReflect: (call: PeerCall) => boolean;
  readonly limits: Pick<Limits, 'healthWatchers' | 'reflections'>;
}

export class GrpcServer {
  readonly #server: Server;
  readonly #health: Health;
  readonly #injector: ReturnType<Server['createConnectionInjector']>;

  constructor(service: UntypedServiceImplementation, { mayReflect, limits }: GrpcServerOptions) {
    this.#server = new Server({
      'grpc.max_receive_message_length': RECEIVE_MAX,
      'grpc.max_send_message_length': SEND_MAX,
      'grpc.max_concurrent_streams': STREAMS_MAX,
      'grpc.keepalive_time_ms': KEEPALIVE_MS,
      'grpc.keepalive_timeout_ms': KEEPALIVE_TIMEOUT_MS,
      'grpc.keepalive_permit_without_calls': 1,
      'grpc.enable_channelz': 0,
      interceptors: [requestDeadline(REQUEST_MS)],
    });
    this.#server.addService(tapBindingServiceDefinition, service);
    this.#health = new Health(this.#server, slots(limits.healthWatchers, 'watchers of health'));
    addReflection(
      this.#server,
      mayReflect,
      slots(limits.reflections, 'clients that read the schema'),
    );
    this.#injector = this.#server.createConnectionInjector(ServerCredentials.createInsecure());
  }

  accept(connection: Socket): void {
    connection.on('error', () => undefined);
    this.#injector.injectConnection(connection);
    // It came paused. HTTP/2 reads from the handle below it, which only this starts.
    connection.resume();
  }

  setServing(serving: boolean): void {
    this.#health.setServing(serving);
  }

  /** Waits `grace` milliseconds for calls to end, then cuts them off. */
  async shutdown(grace: number): Promise<void> {
    const timer = new AbortController();
    const graceful = new Promise<void>((resolve) => {
      this.#server.tryShutdown(() => {
        resolve();
      });
    });
    await Promise.race([graceful, delay(grace, undefined, { signal: timer.signal })]);
    timer.abort();
    this.#server.forceShutdown();
  }
}

function slots(limit: number, what: string): CallSlots {
  return new CallSlots(limit, () => tooMany('TOO_MANY_STREAMS', what, RETRY_MS));
}
