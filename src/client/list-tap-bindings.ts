/** ListTapBindings: the bindings of the host at one revision. */
import { setTimeout as delay } from 'node:timers/promises';
import { Metadata } from '@grpc/grpc-js';
import { View, type ListSummary } from '../gen/tapmap/v1/tap_binding_service.js';
import type { TapBinding } from '../gen/tapmap/v1/tap_binding.js';
import type {
  ListTapBindingsRequest,
  ListTapBindingsResponse,
} from '../gen/tapmap/v1/tap_binding_service.js';
import { callError } from './call-error.js';
import { messages } from './channel.js';
import { TapmapError } from './error.js';
import { filtersOf, type TapBindingFilters } from './filter.js';
import { serverOf, type Server, type ServerOptions } from './server.js';
import { startingDelay } from './starting.js';

export interface ListTapBindingsOptions extends ServerOptions {
  /** A binding is listed when any of these matches. Default: all are. */
  readonly filter?: TapBindingFilters | undefined;
  /** How much of each binding to send. Default: VIEW_BASIC. */
  readonly view?: View | undefined;
  /** Scan now, and answer from that scan. Default: the live state. */
  readonly fresh?: boolean | undefined;
  /** How long to wait for the whole answer, milliseconds. Default: 30,000. */
  readonly timeout?: number | undefined;
  /** Gives up: the promise is rejected with the reason of the signal. */
  readonly signal?: AbortSignal | undefined;
}

/** A whole answer of ListTapBindings. */
export interface TapBindingList {
  /** Ordered by resource name. */
  readonly bindings: TapBinding[];
  /** Epoch, revision and resume token of the list, and what could not be seen. */
  readonly summary: ListSummary;
}

const TIMEOUT_MS = 30_000;

/**
 * The bindings of the host at one revision. A server that says it is starting is asked again within
 * `timeout`. Throws TapmapError.
 */
export async function listTapBindings(
  options: ListTapBindingsOptions = {},
): Promise<TapBindingList> {
  const { view = View.VIEW_BASIC, fresh = false, timeout = TIMEOUT_MS, signal } = options;
  const request = { filter: filtersOf(options.filter), view, fresh };
  return listFrom(serverOf(options), request, timeout, signal);
}

/** The same, of a request that is made already. */
export async function listFrom(
  server: Server,
  request: ListTapBindingsRequest,
  timeout: number,
  signal?: AbortSignal,
): Promise<TapBindingList> {
  const deadline = Date.now() + timeout;
  let starting: TapmapError | null = null;
  while (true) {
    signal?.throwIfAborted();
    try {
      return await collect(server, request, deadline, signal);
    } catch (failure) {
      signal?.throwIfAborted();
      const error = callError(failure, server.address);
      // Why it took too long says more than that it did.
      if (error.code === 'DEADLINE_EXCEEDED' && starting !== null) throw starting;
      const wait = startingDelay(error);
      starting = error;
      if (wait === null || Date.now() + wait >= deadline) throw error;
      await delay(wait, undefined, { signal }).catch(() => undefined);
    }
  }
}

async function collect(
  server: Server,
  request: ListTapBindingsRequest,
  deadline: number,
  signal: AbortSignal | undefined,
): Promise<TapBindingList> {
  const bindings: TapBinding[] = [];
  let summary: ListSummary | undefined;
  const answer = messages<ListTapBindingsResponse>(
    server,
    (client) => client.listTapBindings(request, new Metadata(), { deadline }),
    { signal },
  );
  for await (const message of answer) {
    bindings.push(...message.bindings);
    summary ??= message.summary;
  }
  if (summary !== undefined) return { bindings, summary };
  const details = 'the answer broke off: no summary';
  throw new TapmapError('INTERNAL', `${server.address}: ${details}`, { details });
}
