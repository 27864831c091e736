/** Finds things of the kernel among others, by the order that kcmp(2) gives them. */
import type { KernelOrder } from '../kernel/kcmp.js';

/** Where the one that is compared is, or where it belongs: n of them are found in n log n comparisons. */
export function searchOrdered<T>(
  ordered: readonly T[],
  compareWith: (other: T) => KernelOrder,
): { readonly at: number; readonly isThere: boolean } {
  let low = 0;
  let high = ordered.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    const order = compareWith(ordered[middle]!);
    if (order === 0) return { at: middle, isThere: true };
    if (order < 0) high = middle;
    else low = middle + 1;
  }
  return { at: low, isThere: false };
}
