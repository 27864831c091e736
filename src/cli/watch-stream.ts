/** A watch stream that outlives its server: it reconnects and resumes where it was. */
import { setTimeout as delay } from 'node:timers/promises';
import { status } from '@grpc/grpc-js';
import type {
  WatchTapBindingsRequest,
  WatchTapBindingsResponse,
} from '../gen/tapmap/v1/tap_binding_service.js';
import { startingDelay, watchBindings, type Server } from './client.js';
import { callFailure, commandErrorOf, isServiceError } from './status.js';
import { CommandError } from './command-error.js';

export type WatchItem =
  | { readonly kind: 'message'; readonly message: WatchTapBindingsResponse }
  /** The stream broke and is tried again. Told once for each time without a server. */
  | { readonly kind: 'lost'; readonly why: string }
  /** Messages come again. */
  | { readonly kind: 'again' };

export interface WatchOptions {
  /** Milliseconds to wait for a server that is starting, at first. */
  readonly timeout: number;
  readonly reconnect: boolean;
  /** Ends the iteration. */
  readonly signal: AbortSignal;
}

const BACKOFF = { first: 100, most: 5000 };

/**
 * Messages as they come. The first connection must succeed; after it, only `signal` or an answer
 * that no trying again would change ends the iteration. Throws CommandError.
 */
export async function* watchStream(
  server: Server,
  request: WatchTapBindingsRequest,
  { timeout, reconnect, signal }: WatchOptions,
): AsyncGenerator<WatchItem, void, undefined> {
  const deadline = Date.now() + timeout;
  let resumeToken = request.resumeToken;
  let connected = false;
  let lost = false;
  let wait = BACKOFF.first;
  // A call, because the value changes while this waits.
  const ended = (): boolean => signal.aborted;
  while (!ended()) {
    let failure: unknown = null;
    try {
      for await (const message of watchBindings(server, { ...request, resumeToken }, signal)) {
        if (lost) yield { kind: 'again' };
        [connected, lost, wait] = [true, false, BACKOFF.first];
        if (message.resumeToken !== '') resumeToken = message.resumeToken;
        yield { kind: 'message', message };
      }
    } catch (error) {
      failure = error;
    }
    if (ended()) return;
    const starting = connected ? null : startingDelay(failure);
    if (starting !== null && Date.now() + starting < deadline) {
      await pause(starting, signal);
      continue;
    }
    const error = ending(failure, server.address);
    if (!connected || !reconnect || !(failure === null || mayPass(failure))) throw error;
    if (!lost) yield { kind: 'lost', why: error instanceof Error ? error.message : String(error) };
    lost = true;
    await pause(wait, signal);
    wait = Math.min(wait * 2, BACKOFF.most);
  }
}

function ending(failure: unknown, address: string): unknown {
  return failure === null
    ? new CommandError('NO_SERVER', `the server at ${address} ended the stream`)
    : commandErrorOf(failure, address);
}

const FINAL: ReadonlySet<status> = new Set([
  status.INVALID_ARGUMENT,
  status.PERMISSION_DENIED,
  status.UNAUTHENTICATED,
  status.UNIMPLEMENTED,
]);

/** Whether the same call may succeed later. */
function mayPass(failure: unknown): boolean {
  return isServiceError(failure) && !FINAL.has(callFailure(failure).code);
}

async function pause(milliseconds: number, signal: AbortSignal): Promise<void> {
  await delay(milliseconds, undefined, { signal }).catch((error: unknown) => {
    if (!signal.aborted) throw error;
  });
}
