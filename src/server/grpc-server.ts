/** The gRPC side: the service, health and reflection on connections that listeners hand over. */
import { Server, ServerCredentials, type UntypedServiceImplementation } from '@grpc/grpc-js';
import { HealthImplementation } from 'grpc-health-check';
import type { Socket } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import type { PeerCall } from '../api/admission.js';
import { tapBindingServiceDefinition } from '../api/service-definition.js';
import { requestDeadline } from './request-deadline.js';
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

/** Health is told of the whole server and of the service. */
const HEALTH_NAMES = ['', 'tapmap.v1.TapBindingService'];

export class GrpcServer {
  readonly #server: Server;
  readonly #health: HealthImplementation;
  readonly #injector: ReturnType<Server['createConnectionInjector']>;

  /** `mayReflect` tells of a call for the schema whether it is answered. */
  constructor(service: UntypedServiceImplementation, mayReflect: (call: PeerCall) => boolean) {
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
    this.#health = new HealthImplementation(
      Object.fromEntries(HEALTH_NAMES.map((name) => [name, 'NOT_SERVING'])),
    );
    this.#health.addToServer(this.#server);
    addReflection(this.#server, mayReflect);
    this.#injector = this.#server.createConnectionInjector(ServerCredentials.createInsecure());
  }

  accept(connection: Socket): void {
    connection.on('error', () => undefined);
    this.#injector.injectConnection(connection);
    // It came paused. HTTP/2 reads from the handle below it, which only this starts.
    connection.resume();
  }

  setServing(serving: boolean): void {
    for (const name of HEALTH_NAMES) {
      this.#health.setStatus(name, serving ? 'SERVING' : 'NOT_SERVING');
    }
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
