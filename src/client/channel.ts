/** One connection to a server, and the messages of one stream over it. */
import { credentials, type ClientReadableStream } from '@grpc/grpc-js';
import { TapBindingServiceClient } from '../gen/tapmap/v1/tap_binding_service.js';
import { TapmapError } from './error.js';
import type { Server } from './server.js';
import { ChannelSockets } from './sockets.js';
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

export interface MessagesOptions {
  readonly signal?: AbortSignal | undefined;
  /** How long to wait for the first message, milliseconds. Unset: without end. */
  readonly answerTimeout?: number;
}

/**
 * The messages of one call over a connection of its own, until the server ends it or `signal` aborts
 * (then the iteration ends without an error). It reads no faster than it is iterated, so that a slow
 * reader slows the server down. When the iteration is over, so is the connection. Throws what grpc-js
 * throws, and TapmapError INVALID_OPTION and DEADLINE_EXCEEDED.
 */
export async function* messages<T>(
  server: Server,
  call: (client: TapBindingServiceClient) => ClientReadableStream<T>,
  { signal, answerTimeout }: MessagesOptions,
): AsyncGenerator<T, void, undefined> {
  const client = await connect(server);
  const sockets = new ChannelSockets();
  let stream: ClientReadableStream<T> | undefined;
  const cancel = (): void => {
    stream?.cancel();
  };
  signal?.addEventListener('abort', cancel, { once: true });
  let timer: NodeJS.Timeout | undefined;
  const answer = { late: false };
  try {
    if (signal?.aborted === true) return;
    stream = sockets.noting(() => call(client));
    // The status of a cancelled call comes when nobody iterates any more.
    stream.on('error', () => undefined);
    if (answerTimeout !== undefined) {
      // Whoever is stopped accepts connections all the same, as far as the kernel is concerned.
      timer = setTimeout(() => {
        answer.late = true;
        cancel();
      }, answerTimeout);
    }
    for await (const message of stream) {
      clearTimeout(timer);
      sockets.connected();
      yield message as T;
    }
  } catch (error) {
    if (signal?.aborted === true) return;
    if (answer.late) throw noAnswer(server, error);
    throw error;
  } finally {
    clearTimeout(timer);
    signal?.removeEventListener('abort', cancel);
    cancel();
    client.close();
    sockets.destroy();
  }
}

async function connect({ target, tls }: Server): Promise<TapBindingServiceClient> {
  if (tls === null) {
    return new TapBindingServiceClient(target, credentials.createInsecure(), OPTIONS);
  }
  const secure = await tlsCredentials(tls);
  return new TapBindingServiceClient(target, secure, { ...OPTIONS, ...tlsChannelOptions(tls) });
}

function noAnswer({ address }: Server, cause: unknown): TapmapError {
  const details = 'no answer came in time';
  return new TapmapError('DEADLINE_EXCEEDED', `${address}: ${details}`, { details, cause });
}
