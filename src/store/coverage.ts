/** What could not be seen, and whether the view is live. */
import type { Coverage } from '../model/coverage.js';
import { shareStructure } from './structural-sharing.js';

/** Since when, and why, no observation can be had. */
interface Stale {
  /** Milliseconds since the epoch. */
  readonly since: number;
  readonly reason: string;
}

export interface StoredCoverage extends Coverage {
  /** Null while the view is live. */
  readonly stale: Stale | null;
}

/** Whether anything but the figures of the scan itself differs. */
export function coverageDiffers(before: StoredCoverage, after: StoredCoverage): boolean {
  const earlier = withoutFigures(before);
  return shareStructure(earlier, withoutFigures(after)) !== earlier;
}

function withoutFigures(coverage: StoredCoverage): StoredCoverage {
  return {
    ...coverage,
    processesSeen: 0,
    netnsSeen: 0,
    scanTime: 0,
    scanDuration: 0,
    scanInterval: 0,
  };
}
