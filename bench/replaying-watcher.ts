// A watcher that keeps what it was told, so that it can be held against a list; it can stop reading, and comes
// back when it was ended.
import { createHash } from 'node:crypto';
import { status, type ServiceError, type ClientReadableStream } from '@grpc/grpc-js';
import { ErrorInfo } from '../src/gen/google/rpc/error_details.js';
import { Status } from '../src/gen/google/rpc/status.js';
import { TapBinding } from '../src/gen/tapmap/v1/tap_binding.js';
import {
  ChangeType,
  View,
  WatchTapBindingsRequest,
  type Change,
  type TapBindingServiceClient,
  type WatchTapBindingsResponse,
} from '../src/gen/tapmap/v1/tap_binding_service.js';

/** What a client knows of all bindings at one revision. */
export interface Known {
  /** In decimal. */
  readonly revision: string;
  /** The same for the same bindings. */
  readonly digest: string;
}

export interface Replayed extends Known {
  readonly inSync: boolean;
  /** The most changes that one stood for. */
  readonly coalesced: number;
  /** With which status a stream ended, `CODE REASON`; null: none did. */
  readonly ended: string | null;
}

export class ReplayingWatcher {
  readonly #client: TapBindingServiceClient;
  #stream: ClientReadableStream<WatchTapBindingsResponse>;
  #bindings = new Map<string, string>();
  #snapshot: Map<string, string> | null = null;
  #batch: Change[] = [];
  #revision = '';
  #token = '';
  #inSync = false;
  #coalesced = 0;
  #ended: string | null = null;

  constructor(client: TapBindingServiceClient) {
    this.#client = client;
    this.#stream = this.#watch();
  }

  get replayed(): Replayed {
    return {
      revision: this.#revision,
      digest: digestOf(this.#bindings),
      inSync: this.#inSync,
      coalesced: this.#coalesced,
      ended: this.#ended,
    };
  }

  pause(): void {
    this.#stream.pause();
  }

  resume(): void {
    this.#stream.resume();
  }

  end(): void {
    this.#stream.cancel();
    this.#client.close();
  }

  #watch(): ClientReadableStream<WatchTapBindingsResponse> {
    const request = { view: View.VIEW_BASIC, resumeToken: this.#token };
    this.#batch = [];
    this.#snapshot = null;
    return this.#client
      .watchTapBindings(WatchTapBindingsRequest.create(request))
      .on('data', (message: WatchTapBindingsResponse) => {
        this.#take(message);
      })
      .on('error', (error: ServiceError) => {
        if (error.code === status.CANCELLED) return;
        this.#ended = `${status[error.code]} ${reasonOf(error)}`;
        this.#stream = this.#watch();
      });
  }

  #take({ event, revision, resumeToken }: WatchTapBindingsResponse): void {
    if (event?.$case === 'snapshotBegin') this.#snapshot = new Map();
    if (event?.$case === 'changes') this.#batch.push(...event.value.changes);
    if (event?.$case === 'changes' && !event.value.more) {
      for (const change of this.#batch.splice(0)) this.#apply(change);
    }
    if (event?.$case === 'snapshotEnd') {
      this.#bindings = this.#snapshot!;
      this.#snapshot = null;
      this.#inSync = true;
    }
    if (resumeToken === '') return;
    this.#token = resumeToken;
    this.#revision = String(revision);
  }

  #apply({ type, binding, coalesced }: Change): void {
    const bindings = this.#snapshot ?? this.#bindings;
    if (type === ChangeType.CHANGE_TYPE_REMOVED) bindings.delete(binding!.name);
    else bindings.set(binding!.name, digestOfBinding(binding!));
    this.#coalesced = Math.max(this.#coalesced, coalesced);
  }
}

export function knownFrom(bindings: readonly TapBinding[], revision: bigint): Known {
  const all = new Map(bindings.map((binding) => [binding.name, digestOfBinding(binding)]));
  return { revision: String(revision), digest: digestOf(all) };
}

function digestOfBinding(binding: TapBinding): string {
  return createHash('sha1').update(TapBinding.encode(binding).finish()).digest('base64');
}

function digestOf(bindings: ReadonlyMap<string, string>): string {
  const lines = [...bindings].map(([name, digest]) => `${name} ${digest}`).sort();
  return createHash('sha1').update(lines.join('\n')).digest('base64');
}

function reasonOf({ metadata, details }: ServiceError): string {
  const [encoded] = metadata.get('grpc-status-details-bin');
  if (!Buffer.isBuffer(encoded)) return details;
  const info = Status.decode(encoded).details.find(({ typeUrl }) => typeUrl.endsWith('.ErrorInfo'));
  return info === undefined ? details : ErrorInfo.decode(info.value).reason;
}
