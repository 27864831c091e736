import type { TapmapError } from './error.js';

/** Longest wait where the server asks for a longer one: its first scan may be done any moment. */
const MOST_MS = 1000;
const LEAST_MS = 10;

/** Milliseconds to wait when the server says that it is not ready yet; null for any other error. */
export function startingDelay({ code, retryAfter }: TapmapError): number | null {
  if (code !== 'UNAVAILABLE' || retryAfter === null) return null;
  return Math.min(Math.max(retryAfter, LEAST_MS), MOST_MS);
}
