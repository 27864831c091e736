/** Calls of the generated client, as a command needs them. */
import { setTimeout as delay } from 'node:timers/promises';
import { credentials, Metadata, status, type ClientReadableStream } from '@grpc/grpc-js';
import {
  TapBindingServiceClient,
  type ListSummary,
  type ListTapBindingsRequest,
  type WatchTapBindingsRequest,
  type WatchTapBindingsResponse,
} from '../gen/tapmap/v1/tap_binding_service.js';
import type { TapBinding } from '../gen/tapmap/v1/tap_binding.js';
import { CommandError } from './command-error.js';
import { callFailure, isServiceError } from './status.js';

/** Where a server is. */
export interface Server {
  /** As given, for people. */
  readonly address: string;
  /** As grpc-js takes it. */
  readonly target: string;
}

/** A whole answer of ListTapBindings. */
export interface Listing {
  readonly bindings: TapBinding[];
  readonly summary: ListSummary;
}

const OPTIONS = {
  // A proxy of the environment knows nothing of local addresses.
  'grpc.enable_http_proxy': 0,
  'grpc.use_local_subchannel_pool': 1,
  'grpc.max_receive_message_length': 64 * 1024 * 1024,
  // A server that is stopped or hangs keeps its socket: only an unanswered ping shows it.
  'grpc.keepalive_time_ms': 20_000,
  'grpc.keepalive_timeout_ms': 10_000,
};

// Longest wait between two tries where the server names none or too long a one.
const RETRY_MAX_MS = 1000;

/**
 * The whole list. A server that says it is starting is asked again until `timeout` (milliseconds)
 * is over. Throws ServiceError and CommandError.
 */
export async function listBindings(
  server: Server,
  request: ListTapBindingsRequest,
  timeout: number,
): Promise<Listing> {
  const deadline = Date.now() + timeout;
  const client = connect(server);
  try {
    return await retrying(deadline, () => collect(client, request, deadline));
  } finally {
    client.close();
  }
}

async function collect(
  client: TapBindingServiceClient,
  request: ListTapBindingsRequest,
  deadline: number,
): Promise<Listing> {
  const bindings: TapBinding[] = [];
  let summary: ListSummary | undefined;
  for await (const part of client.listTapBindings(request, new Metadata(), { deadline })) {
    const message = part as { bindings: TapBinding[]; summary: ListSummary | undefined };
    bindings.push(...message.bindings);
    summary ??= message.summary;
  }
  if (summary === undefined) throw new CommandError('INTERNAL', 'the answer broke off: no summary');
  return { bindings, summary };
}

/**
 * The messages of one watch stream, until the server ends it or `signal` aborts (then the iteration
 * ends without an error). Throws ServiceError.
 */
export async function* watchBindings(
  server: Server,
  request: WatchTapBindingsRequest,
  signal: AbortSignal,
): AsyncGenerator<WatchTapBindingsResponse, void, undefined> {
  const client = connect(server);
  let stream: ClientReadableStream<WatchTapBindingsResponse> | undefined;
  const cancel = (): void => {
    stream?.cancel();
  };
  signal.addEventListener('abort', cancel, { once: true });
  try {
    if (signal.aborted) return;
    stream = client.watchTapBindings(request);
    for await (const message of stream) yield message as WatchTapBindingsResponse;
  } catch (error) {
    if (!signal.aborted) throw error;
  } finally {
    signal.removeEventListener('abort', cancel);
    cancel();
    client.close();
  }
}

function connect(server: Server): TapBindingServiceClient {
  return new TapBindingServiceClient(server.target, credentials.createInsecure(), OPTIONS);
}

async function retrying<T>(deadline: number, attempt: () => Promise<T>): Promise<T> {
  while (true) {
    try {
      return await attempt();
    } catch (error) {
      const wait = startingDelay(error);
      if (wait === null || Date.now() + wait >= deadline) throw error;
      await delay(wait);
    }
  }
}

/** Milliseconds to wait when the server says that it is not ready yet; null for any other error. */
export function startingDelay(error: unknown): number | null {
  if (!isServiceError(error)) return null;
  const { code, retryAfter } = callFailure(error);
  if (code !== status.UNAVAILABLE || retryAfter === null) return null;
  return Math.min(Math.max(retryAfter, 10), RETRY_MAX_MS);
}
