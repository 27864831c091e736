// A client as others would write one: the generated code, and the replay of a watch stream.
import {
  credentials,
  makeGenericClientConstructor,
  status,
  type ClientReadableStream,
  type StatusObject,
} from '@grpc/grpc-js';
import { service as healthService } from 'grpc-health-check';
import type { TapBinding } from '../../src/gen/tapmap/v1/tap_binding.js';
import {
  ChangeType,
  ListTapBindingsRequest,
  TapBindingServiceClient,
  WatchTapBindingsRequest,
  type ListSummary,
  type ListTapBindingsResponse,
  type WatchTapBindingsResponse,
} from '../../src/gen/tapmap/v1/tap_binding_service.js';

export function connect(target: string): TapBindingServiceClient {
  return new TapBindingServiceClient(target, credentials.createInsecure(), {
    'grpc.use_local_subchannel_pool': 1,
    // Tests wait for the server to come back: not longer than it takes.
    'grpc.initial_reconnect_backoff_ms': 100,
    'grpc.max_reconnect_backoff_ms': 200,
  });
}

const HealthClient = makeGenericClientConstructor(healthService, 'Health');

/** What grpc.health.v1 says of the service, each time that it changes, until `stop()`. */
export function watchHealth(target: string): {
  readonly said: string[];
  readonly stop: () => void;
} {
  const client = new HealthClient(target, credentials.createInsecure());
  const { requestSerialize, responseDeserialize, path } = healthService['Watch']!;
  const request = { service: 'tapmap.v1.TapBindingService' };
  const stream = client.makeServerStreamRequest(
    path,
    requestSerialize,
    responseDeserialize,
    request,
  );
  const said: string[] = [];
  stream.on('data', (message: { status: string }) => said.push(message.status));
  stream.on('error', () => undefined);
  return {
    said,
    stop: () => {
      stream.cancel();
      client.close();
    },
  };
}

export interface Listing {
  readonly devices: readonly string[];
  readonly summary: ListSummary;
}

/** Rejects with the ServiceError of the call. */
export async function list(client: TapBindingServiceClient, fresh = false): Promise<Listing> {
  const request = ListTapBindingsRequest.fromPartial({ fresh });
  const stream: ClientReadableStream<ListTapBindingsResponse> = client.listTapBindings(request);
  const devices: string[] = [];
  let summary: ListSummary | undefined;
  for await (const part of stream) {
    const message = part as ListTapBindingsResponse;
    devices.push(...message.bindings.map(deviceName));
    summary = message.summary;
  }
  if (summary === undefined) throw new Error('a list without a summary');
  return { devices: devices.sort(), summary };
}

/** One watch stream, replayed. */
export class Watch {
  /** Why the view was stale, each time that it was. */
  readonly stale: string[] = [];
  isStale = false;
  inSync = false;
  epoch = '';
  ended: StatusObject | null = null;
  readonly #bindings = new Map<string, string>();
  readonly #stream: ClientReadableStream<WatchTapBindingsResponse>;

  constructor(client: TapBindingServiceClient) {
    this.#stream = client.watchTapBindings(WatchTapBindingsRequest.fromPartial({}));
    this.#stream.on('data', (message: WatchTapBindingsResponse) => {
      this.#take(message);
    });
    // Told by the status as well.
    this.#stream.on('error', () => undefined);
    this.#stream.on('status', (ended) => {
      this.ended = ended;
    });
  }

  get devices(): string[] {
    return [...this.#bindings.values()].sort();
  }

  cancel(): void {
    this.#stream.cancel();
  }

  #take({ epoch, event }: WatchTapBindingsResponse): void {
    this.epoch = epoch;
    switch (event?.$case) {
      case 'snapshotEnd':
        this.inSync = true;
        break;
      case 'coverage':
        this.isStale = event.value.stale !== undefined;
        if (event.value.stale !== undefined) this.stale.push(event.value.stale.reason);
        break;
      case 'changes':
        for (const { type, binding } of event.value.changes) {
          if (binding === undefined) continue;
          if (type === ChangeType.CHANGE_TYPE_REMOVED) this.#bindings.delete(binding.name);
          else this.#bindings.set(binding.name, deviceName(binding));
        }
    }
  }
}

export function isUnavailable(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === status.UNAVAILABLE;
}

function deviceName(binding: TapBinding): string {
  return binding.device?.name ?? '';
}
