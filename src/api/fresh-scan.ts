/** Waits for a scan that a client asked for. */
import type { ServiceContext } from './context.js';
import { ApiError } from './error.js';

const RETRY_MS = 1000;

/**
 * Resolves once the store shows a scan that began after the call. Throws ApiError SCAN_FAILED when
 * it cannot be had, or not in time; `signal` ends the wait with the signal's own reason.
 */
export async function freshScan(context: ServiceContext, signal: AbortSignal): Promise<void> {
  const ended = new AbortController();
  const end = (): void => {
    ended.abort(signal.reason);
  };
  const timer = setTimeout(() => {
    ended.abort(new Error(`no scan within ${context.limits.scanMs} ms`));
  }, context.limits.scanMs);
  signal.addEventListener('abort', end);
  try {
    signal.throwIfAborted();
    // Raced, so that a scan that does not heed the signal cannot hold the call.
    await Promise.race([context.scanNow(ended.signal), aborted(ended.signal)]);
  } catch (cause) {
    signal.throwIfAborted();
    const message = 'the scan that was asked for could not be had';
    throw new ApiError('SCAN_FAILED', message, { cause, retryAfterMs: RETRY_MS });
  } finally {
    clearTimeout(timer);
    signal.removeEventListener('abort', end);
  }
}

function aborted(signal: AbortSignal): Promise<never> {
  return new Promise((_resolve, reject) => {
    const end = (): void => {
      reject(signal.reason as Error);
    };
    // The scan may have been given up while it was asked for.
    if (signal.aborted) end();
    else signal.addEventListener('abort', end);
  });
}
