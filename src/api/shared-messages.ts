/**
 * Messages that are the same for many watchers: made once, and encoded once. Watchers of one selection that go
 * from the same revision to the same revision are told the same.
 */
import {
  TapBindingServiceService,
  WatchTapBindingsResponse,
} from '../gen/tapmap/v1/tap_binding_service.js';
import type { Outgoing } from './response-stream.js';

type WatchMessage = Outgoing<WatchTapBindingsResponse>;

export class SharedMessages {
  /** By what they are made from; only those that lead to `#revision`. */
  readonly #messages = new Map<string, readonly WatchMessage[]>();
  #revision = 0;

  /** `key` has all that `make` depends on but `revision`, which the messages lead to. */
  of(revision: number, key: string, make: () => Iterable<WatchMessage>): readonly WatchMessage[] {
    if (revision !== this.#revision) {
      this.#messages.clear();
      this.#revision = revision;
    }
    let messages = this.#messages.get(key);
    if (messages === undefined) {
      messages = [...make()];
      for (const { message } of messages) encodings.set(message, null);
      this.#messages.set(key, messages);
    }
    return messages;
  }
}

/** Of messages that are shared; null: not encoded yet. */
const encodings = new WeakMap<WatchTapBindingsResponse, Buffer | null>();

function encoded(message: WatchTapBindingsResponse): Buffer {
  const known = encodings.get(message);
  if (known) return known;
  const bytes = Buffer.from(WatchTapBindingsResponse.encode(message).finish());
  if (known === null) encodings.set(message, bytes);
  return bytes;
}

/** The service as grpc-js takes it. */
export const tapBindingServiceDefinition = {
  ...TapBindingServiceService,
  watchTapBindings: { ...TapBindingServiceService.watchTapBindings, responseSerialize: encoded },
};
