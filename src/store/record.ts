/** What the store keeps of one device, and how an observation changes it. */
import type { Binding } from '../model/binding.js';
import type { Process, Workload } from '../model/holder.js';
import { mayBeMadeAnew } from './same-device.js';
import { shareStructure } from './structural-sharing.js';

/** Who held a device last, as last seen. */
export interface LastHolder {
  readonly process: Process;
  readonly workload: Workload | null;
  /** Milliseconds since the epoch. */
  readonly lastSeen: number;
}

/** An immutable state of one binding: a change makes a new object, no change keeps the old one. */
export interface StoredBinding extends Binding {
  /** When this device was first observed under this name, milliseconds since the epoch. */
  readonly firstSeen: number;
  /** When anything but its traffic counters last differed, milliseconds since the epoch. */
  readonly lastChanged: number;
  /** Null while there are holders, and when none was ever seen. */
  readonly lastHolder: LastHolder | null;
}

export function firstRecord(binding: Binding, observedAt: number): StoredBinding {
  return { ...binding, firstSeen: observedAt, lastChanged: observedAt, lastHolder: null };
}

/**
 * The state after `binding` was observed: `before` itself where nothing differs. `heldAt` is the
 * time of the observation before this one, when the holders of `before` were last seen. A device that
 * may be another one than `before` begins its life: it is not told as held by whom only that one was
 * held by, and not as older than it is.
 */
export function nextRecord(
  before: StoredBinding,
  binding: Binding,
  observedAt: number,
  heldAt: number,
): StoredBinding {
  if (mayBeMadeAnew(before.device, binding.device)) {
    return shareStructure(before, firstRecord(binding, observedAt));
  }
  const { firstSeen, lastChanged, lastHolder } = before;
  const candidate: StoredBinding = { ...binding, firstSeen, lastChanged, lastHolder };
  const after = shareStructure(before, candidate);
  if (after === before || onlyCountersDiffer(before, after)) return after;
  return {
    ...after,
    lastChanged: observedAt,
    lastHolder: after.holders.length > 0 ? null : (lastHolderOf(before, heldAt) ?? lastHolder),
  };
}

/** Of several holders that left at once the one with the lowest pid is told: the oldest, mostly. */
function lastHolderOf(before: StoredBinding, lastSeen: number): LastHolder | null {
  const [holder] = before.holders;
  if (holder === undefined) return null;
  return { process: holder.process, workload: holder.workload, lastSeen };
}

/**
 * Whether two states of one binding, of which the later shares what it can with the earlier, differ
 * in traffic counters alone.
 */
export function onlyCountersDiffer(before: StoredBinding, after: StoredBinding): boolean {
  return (
    sameFields(before, after, 'device') && sameFields(before.device, after.device, 'statistics')
  );
}

function sameFields<T extends object>(before: T, after: T, except: keyof T): boolean {
  for (const key of Object.keys(after) as (keyof T)[]) {
    if (key !== except && before[key] !== after[key]) return false;
  }
  return true;
}
