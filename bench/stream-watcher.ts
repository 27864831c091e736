// Many watchers in one process, which take messages in and decode only when they were observed: what a
// client does with a message is not to be measured.
import { BinaryReader } from '@bufbuild/protobuf/wire';
import { Client, credentials, Metadata, type ClientReadableStream } from '@grpc/grpc-js';
import {
  TapBindingServiceService,
  WatchTapBindingsRequest,
} from '../src/gen/tapmap/v1/tap_binding_service.js';
import { Timestamp } from '../src/gen/google/protobuf/timestamp.js';

// Fields of WatchTapBindingsResponse.
const OBSERVE_TIME = 4;
const CHANGES = 6;
const { path, requestSerialize } = TapBindingServiceService.watchTapBindings;

/** Of one watcher, over the time that is measured. */
export interface Followed {
  messages: number;
  /** How old the oldest news was when it came, milliseconds. */
  worst: number;
  /** When the last news was observed, milliseconds since the epoch. */
  last: number;
  ended: boolean;
}

export class StreamWatcher {
  readonly followed: Followed = { messages: 0, worst: 0, last: 0, ended: false };
  readonly #client: Client;
  readonly #stream: ClientReadableStream<Buffer>;

  constructor(target: string, request: Partial<WatchTapBindingsRequest>) {
    // One connection each, as clients are not all in one process.
    this.#client = new Client(target, credentials.createInsecure(), {
      'grpc.use_local_subchannel_pool': 1,
    });
    this.#stream = this.#client.makeServerStreamRequest(
      path,
      requestSerialize,
      (bytes: Buffer) => bytes,
      WatchTapBindingsRequest.create(request),
      new Metadata(),
    );
    this.#stream.on('error', () => {
      this.followed.ended = true;
    });
    this.#stream.on('data', (bytes: Buffer) => {
      const observed = observeTimeOf(bytes);
      const { followed } = this;
      if (observed === null) return;
      followed.messages++;
      followed.worst = Math.max(followed.worst, Date.now() - observed);
      followed.last = Math.max(followed.last, observed);
    });
  }

  /** What is measured begins now. */
  reset(): void {
    this.followed.messages = 0;
    this.followed.worst = 0;
  }

  /** Takes nothing in any more, and does not say so. */
  pause(): void {
    this.#stream.pause();
  }

  end(): void {
    this.#stream.cancel();
    this.#client.close();
  }
}

/** Of a message that tells of changes; null for any other. */
function observeTimeOf(bytes: Buffer): number | null {
  const reader = new BinaryReader(bytes);
  let observed: number | null = null;
  while (reader.pos < reader.len) {
    const [field, type] = reader.tag();
    if (field === CHANGES) return observed;
    if (field === OBSERVE_TIME) {
      const { seconds, nanos } = Timestamp.decode(reader, reader.uint32());
      observed = Number(seconds) * 1000 + nanos / 1e6;
    } else reader.skip(type);
  }
  return null;
}
