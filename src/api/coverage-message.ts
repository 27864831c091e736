/** What could not be seen, as message Coverage. */
import type { Coverage } from '../gen/tapmap/v1/coverage.js';
import type { StoredCoverage } from '../store/coverage.js';
import { FINDER, TRIGGER_KIND } from './enums.js';
import { redactedFields, type View } from './view.js';

export function coverageMessage(coverage: StoredCoverage, view: View): Coverage {
  const { stale } = coverage;
  return {
    processesSeen: coverage.processesSeen,
    processesDenied: coverage.processesDenied,
    deniedProcesses: [...coverage.deniedProcesses],
    netnsSeen: coverage.netnsSeen,
    netnsDenied: coverage.netnsDenied,
    deniedNetns: coverage.deniedNetns.map(({ inode, errno }) => ({ inode: BigInt(inode), errno })),
    finder: FINDER[coverage.finder],
    degraded: [...coverage.degraded],
    unattachedFds: coverage.unattachedFds,
    scanTime: new Date(coverage.scanTime),
    scanDuration: durationMessage(coverage.scanDuration),
    triggers: coverage.triggers.map(({ kind, missing, losses, lastLoss }) => ({
      kind: TRIGGER_KIND[kind],
      missing,
      losses: BigInt(losses),
      lastLoss: lastLoss === null ? undefined : new Date(lastLoss),
    })),
    scanInterval: durationMessage(coverage.scanInterval),
    redactedFields: redactedFields(view),
    stale: stale === null ? undefined : { since: new Date(stale.since), reason: stale.reason },
  };
}

function durationMessage(milliseconds: number): { seconds: bigint; nanos: number } {
  const seconds = Math.floor(milliseconds / 1000);
  // Microseconds are all that a clock of the probe tells: no rounding up to a whole second.
  const micros = Math.floor((milliseconds - seconds * 1000) * 1000);
  return { seconds: BigInt(seconds), nanos: micros * 1000 };
}
