/** A real gRPC server with the service alone, on a unix socket of its own, and a client of it. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import type { ServiceError } from '@grpc/grpc-js';
import { credentials, Server, ServerCredentials } from '@grpc/grpc-js';
import type { AccessControl } from '../../src/api/admission.js';
import { NO_EVENTS, type ServiceEvents } from '../../src/api/events.js';
import type { Limits } from '../../src/api/limits.js';
import { tapBindingService } from '../../src/api/service.js';
import { tapBindingServiceDefinition } from '../../src/api/service-definition.js';
import type { TapBinding } from '../../src/gen/tapmap/v1/tap_binding.js';
import type {
  DeepPartial,
  ListSummary,
  ListTapBindingsResponse,
} from '../../src/gen/tapmap/v1/tap_binding_service.js';
import {
  ListTapBindingsRequest,
  TapBindingServiceClient,
  WatchTapBindingsRequest,
} from '../../src/gen/tapmap/v1/tap_binding_service.js';
import { BindingStore } from '../../src/store/binding-store.js';
import { WatchStream } from './watch-stream.js';

/** Host name that the server gives. */
export const NODE = 'host1';

export interface ServerOptions {
  readonly store?: BindingStore;
  readonly limits?: Partial<Limits>;
  readonly scanNow?: (signal: AbortSignal) => Promise<void>;
  /** Without it every client may everything. */
  readonly access?: AccessControl;
  readonly events?: ServiceEvents;
}

const EVERYBODY: AccessControl = {
  peerOf: () => ({ kind: 'unix', credentials: null }),
  accessOf: () => ({ list: true, commandLines: true, reflection: true }),
};

interface ListAnswer {
  readonly messages: readonly ListTapBindingsResponse[];
  readonly bindings: readonly TapBinding[];
  readonly summary: ListSummary;
}

export class TestServer {
  readonly draining = new AbortController();
  /** Errors that no client was told of. */
  readonly logged: unknown[] = [];
  /** How many calls asked for the end of their connection. */
  disconnected = 0;
  /** To be called when `access` of the options says something else. */
  accessChanged: () => void = () => undefined;
  readonly #server: Server;
  readonly #directory: string;
  readonly #clients: TapBindingServiceClient[] = [];

  private constructor(
    readonly store: BindingStore,
    server: Server,
    directory: string,
  ) {
    this.#server = server;
    this.#directory = directory;
  }

  static async start(options: ServerOptions = {}): Promise<TestServer> {
    const store = options.store ?? new BindingStore();
    const server = new Server();
    const self = new TestServer(store, server, await mkdtemp(join(tmpdir(), 'tapmap-api-')));
    const { implementation, accessChanged } = tapBindingService({
      store,
      node: NODE,
      scanNow: options.scanNow ?? (() => Promise.reject(new Error('no scan in this test'))),
      disconnect: () => self.disconnected++,
      access: options.access ?? EVERYBODY,
      lifecycle: { draining: self.draining.signal },
      limits: options.limits ?? {},
      events: options.events ?? NO_EVENTS,
      log: (error) => self.logged.push(error),
    });
    self.accessChanged = accessChanged;
    server.addService(tapBindingServiceDefinition, implementation);
    await new Promise<void>((resolve, reject) => {
      server.bindAsync(self.address, ServerCredentials.createInsecure(), (error) => {
        if (error === null) resolve();
        else reject(error);
      });
    });
    return self;
  }

  get address(): string {
    return `unix://${this.#directory}/socket`;
  }

  /** A client with a connection of its own. */
  client(): TapBindingServiceClient {
    const client = new TapBindingServiceClient(this.address, credentials.createInsecure(), {
      'grpc.use_local_subchannel_pool': 1,
    });
    this.#clients.push(client);
    return client;
  }

  /** Rejects with the ServiceError of the call. */
  async list(
    request: DeepPartial<ListTapBindingsRequest> = {},
    client = this.client(),
  ): Promise<ListAnswer> {
    const call = client.listTapBindings(ListTapBindingsRequest.fromPartial(request));
    const messages: ListTapBindingsResponse[] = [];
    for await (const message of call) messages.push(message as ListTapBindingsResponse);
    const summary = messages.at(-1)?.summary;
    if (summary === undefined) throw new Error('the last message has no summary');
    return { messages, bindings: messages.flatMap(({ bindings }) => bindings), summary };
  }

  watch(request: DeepPartial<WatchTapBindingsRequest> = {}, client = this.client()): WatchStream {
    return new WatchStream(client.watchTapBindings(WatchTapBindingsRequest.fromPartial(request)));
  }

  async stop(): Promise<void> {
    for (const client of this.#clients) client.close();
    this.#server.forceShutdown();
    await rm(this.#directory, { recursive: true });
  }
}

/** A server that ends with the test. */
export async function serve(test: TestContext, options: ServerOptions = {}): Promise<TestServer> {
  const server = await TestServer.start(options);
  test.after(() => server.stop());
  return server;
}

/** The error with which `call` ends. */
export async function failure(call: Promise<unknown>): Promise<ServiceError> {
  try {
    await call;
  } catch (error) {
    return error as ServiceError;
  }
  throw new Error('the call did not fail');
}
