/** The messages of a watch that outlives its server: it reconnects and resumes where it was. */
import { setTimeout as delay } from 'node:timers/promises';
import type {
  WatchTapBindingsRequest,
  WatchTapBindingsResponse,
} from '../gen/tapmap/v1/tap_binding_service.js';
import { Backoff, type BackoffOptions } from './backoff.js';
import { callError } from './call-error.js';
import { messages } from './channel.js';
import type { TapmapError, TapmapErrorCode } from './error.js';
import type { Server } from './server.js';
import { startingDelay } from './starting.js';

export type WatchItem =
  | { readonly kind: 'message'; readonly message: WatchTapBindingsResponse }
  /**
   * The stream broke and is tried again; null: the server ended it in peace, as it does when it
   * drains. Told once for each time without a server.
   */
  | { readonly kind: 'disconnected'; readonly error: TapmapError | null }
  /** Messages come again. */
  | { readonly kind: 'connected' };

export interface WatchPolicy {
  /** Whether to go on trying before there was a first connection; false: to throw then. */
  readonly persistent: boolean;
  /** Without `persistent`: milliseconds to wait, at first, for a server that says it is starting. */
  readonly startTimeout: number;
  /** Whether to go on trying after there was a connection. */
  readonly reconnect: boolean;
  /** How long to wait for the first message of a stream, milliseconds: it is sent at once. */
  readonly answerTimeout: number;
  /** Between tries. */
  readonly backoff?: BackoffOptions | undefined;
  /** Ends the iteration. */
  readonly signal: AbortSignal;
}

/**
 * Messages as they come. Ends when `signal` aborts, and without `reconnect` when the server ends the
 * stream in peace. Throws TapmapError for what trying again would not change.
 */
export async function* watchMessages(
  server: Server,
  request: WatchTapBindingsRequest,
  policy: WatchPolicy,
): AsyncGenerator<WatchItem, void, undefined> {
  const { persistent, startTimeout, reconnect, answerTimeout, signal } = policy;
  const deadline = Date.now() + startTimeout;
  const backoff = new Backoff(policy.backoff);
  let { resumeToken } = request;
  let connected = false;
  let lost = false;
  // A call, because the value changes while this waits.
  const ended = (): boolean => signal.aborted;
  while (!ended()) {
    let error: TapmapError | null = null;
    try {
      const from = { ...request, resumeToken };
      const stream = messages(server, (client) => client.watchTapBindings(from), {
        signal,
        answerTimeout,
      });
      for await (const message of stream) {
        // What was read ahead is not told any more.
        if (ended()) return;
        if (lost) yield { kind: 'connected' };
        [connected, lost] = [true, false];
        if (message.resumeToken !== '') {
          ({ resumeToken } = message);
          // Not before: a snapshot that breaks each time must not be asked for ten times a second.
          backoff.reset();
        }
        yield { kind: 'message', message };
      }
    } catch (failure) {
      error = callError(failure, server.address);
    }
    if (ended()) return;
    const starting = connected || persistent || error === null ? null : startingDelay(error);
    if (starting !== null && Date.now() + starting < deadline) {
      await pause(starting, signal);
      continue;
    }
    const goesOn = connected ? reconnect : persistent;
    if (error === null && !goesOn) return;
    if (error !== null && !(goesOn && mayPass(error, connected))) throw error;
    if (!lost) yield { kind: 'disconnected', error };
    lost = true;
    await pause(backoff.next(error?.retryAfter ?? null), signal);
  }
}

const FINAL: ReadonlySet<TapmapErrorCode> = new Set([
  'INVALID_OPTION',
  'INVALID_REQUEST',
  'PERMISSION_DENIED',
  'UNAUTHENTICATED',
  'UNTRUSTED_SERVER',
  'NOT_TAPMAP',
]);

/**
 * Whether the same call may succeed later. Once it has worked, what stands in the way of a connection
 * may pass as well: a certificate is being renewed, a socket has no owner yet.
 */
function mayPass({ code, connectFault }: TapmapError, connected: boolean): boolean {
  const isLocal = code === 'INVALID_OPTION' || connectFault !== null;
  return !FINAL.has(code) || (isLocal && connected);
}

async function pause(milliseconds: number, signal: AbortSignal): Promise<void> {
  await delay(milliseconds, undefined, { signal }).catch((error: unknown) => {
    if (!signal.aborted) throw error;
  });
}
