/** One connection to a server, and the messages of one stream over it. */
import { credentials, type ClientReadableStream } from '@grpc/grpc-js';
import { TapBindingServiceClient } from '../gen/tapmap/v1/tap_binding_service.js';
import type { Server } from './server.js';
import { tlsChannelOptions, tlsCredentials } from './tls.js';

const OPTIONS = {
  // A proxy of the environment knows nothing of local addresses.
  'grpc.enable_http_proxy': 0,
  'grpc.use_local_subchannel_pool': 1,
  'grpc.max_receive_message_length': 64 * 1024 * 1024,
  // A server that is stopped or hangs keeps its socket: only an unanswered ping shows it.
  'grpc.keepalive_time_ms': 20_000,
  'grpc.keepalive_timeout_ms': 10_000,
};

/**
 * The messages of one call over a connection of its own, until the server ends it or `signal` aborts
 * (then the iteration ends without an error). It reads no faster than it is iterated, so that a slow
 * reader slows the server down. When the iteration is over, so is the connection. Throws what grpc-js
 * throws, and TapmapError INVALID_OPTION.
 */
export async function* messages<T>(
  server: Server,
  call: (client: TapBindingServiceClient) => ClientReadableStream<T>,
  signal: AbortSignal | undefined,
): AsyncGenerator<T, void, undefined> {
  const client = await connect(server);
  let stream: ClientReadableStream<T> | undefined;
  const cancel = (): void => {
    stream?.cancel();
  };
  signal?.addEventListener('abort', cancel, { once: true });
  try {
    if (signal?.aborted === true) return;
    stream = call(client);
    // The status of a cancelled call comes when nobody iterates any more.
    stream.on('error', () => undefined);
    for await (const message of stream) yield message as T;
  } catch (error) {
    if (signal?.aborted !== true) throw error;
  } finally {
    signal?.removeEventListener('abort', cancel);
    cancel();
    client.close();
  }
}

async function connect({ target, tls }: Server): Promise<TapBindingServiceClient> {
  if (tls === null) {
    return new TapBindingServiceClient(target, credentials.createInsecure(), OPTIONS);
  }
  const secure = await tlsCredentials(tls);
  return new TapBindingServiceClient(target, secure, { ...OPTIONS, ...tlsChannelOptions(tls) });
}
