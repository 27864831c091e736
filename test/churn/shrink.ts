// Makes a failing list of operations short: leaves out ever smaller parts for as long as it still fails.
import type { Operation } from './operation.js';

/**
 * `fails` runs a list. Gives the shortest list found that fails, until `deadline` (of
 * performance.now()). Delta debugging, as in Zeller and Hildebrandt, 2002.
 */
export async function shrink(
  operations: readonly Operation[],
  fails: (operations: readonly Operation[]) => Promise<boolean>,
  deadline: number,
): Promise<readonly Operation[]> {
  let shortest = operations;
  let size = Math.ceil(shortest.length / 2);
  while (performance.now() < deadline) {
    let isShorter = false;
    // From the end: what came late matters least to what remains.
    for (let end = shortest.length; end > 0 && performance.now() < deadline; end -= size) {
      const candidate = [
        ...shortest.slice(0, Math.max(0, end - size)),
        ...shortest.slice(end, shortest.length),
      ];
      if (candidate.length === shortest.length || !(await fails(candidate))) continue;
      shortest = candidate;
      isShorter = true;
    }
    if (size === 1 && !isShorter) break;
    if (!isShorter || size > 1) size = Math.max(1, Math.ceil(size / 2));
  }
  return shortest;
}
