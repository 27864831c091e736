import { setTimeout as pause } from 'node:timers/promises';

/**
 * Waits for a condition of the kernel or of another process.
 * @throws Error that names `what` when the condition does not hold within `deadline` milliseconds
 */
export async function until<T>(
  what: string,
  check: () => T | undefined | false | Promise<T | undefined | false>,
  deadline = 10_000,
): Promise<T> {
  const end = performance.now() + deadline;
  while (true) {
    const value = await check();
    if (value !== undefined && value !== false) return value;
    if (performance.now() > end) throw new Error(`not within ${deadline} ms: ${what}`);
    await pause(2);
  }
}
