/** What one observation changes. */
import type { Binding } from '../model/binding.js';
import type { Observation } from '../model/observation.js';
import { findMoves } from './moves.js';
import type { StoredBinding } from './record.js';
import { firstRecord, nextRecord, onlyCountersDiffer } from './record.js';

/** One binding that came, changed or went. Never both null. */
export interface StoreChange {
  readonly name: string;
  readonly before: StoredBinding | null;
  readonly after: StoredBinding | null;
  /** Of one that came: the name of the one that went in the same observation and is the same device. */
  readonly movedFrom: string | null;
  /** Nothing but traffic counters differs. */
  readonly countersOnly: boolean;
}

/**
 * The changes that lead from `records` to what was observed, ordered by name. `previousObservedAt`
 * is the time of the observation that `records` show.
 */
export function difference(
  records: ReadonlyMap<string, StoredBinding>,
  observation: Observation,
  previousObservedAt: number,
): StoreChange[] {
  const { observedAt } = observation;
  const observed = new Map(observation.bindings.map((binding) => [binding.name, binding]));
  const gone = goneRecords(records, observation, observed);
  const appeared: Binding[] = [];
  const changes: StoreChange[] = [];

  for (const [name, binding] of observed) {
    const before = records.get(name);
    if (before === undefined) {
      appeared.push(binding);
      continue;
    }
    const after = nextRecord(before, binding, observedAt, previousObservedAt);
    if (after === before) continue;
    const countersOnly = onlyCountersDiffer(before, after);
    changes.push({ name, before, after, movedFrom: null, countersOnly });
  }

  const moves = findMoves(gone, appeared);
  for (const binding of appeared) {
    changes.push({
      name: binding.name,
      before: null,
      after: firstRecord(binding, observedAt),
      movedFrom: moves.get(binding.name) ?? null,
      countersOnly: false,
    });
  }
  for (const before of gone) {
    changes.push({
      name: before.name,
      before,
      after: null,
      movedFrom: null,
      countersOnly: false,
    });
  }
  return changes.sort(byName);
}

/** Plain code-unit order: names are ASCII. */
export function byName(a: { readonly name: string }, b: { readonly name: string }): number {
  return a.name < b.name ? -1 : a.name > b.name ? 1 : 0;
}

function goneRecords(
  records: ReadonlyMap<string, StoredBinding>,
  observation: Observation,
  observed: ReadonlyMap<string, Binding>,
): StoredBinding[] {
  if (observation.full) return [...records.values()].filter(({ name }) => !observed.has(name));
  const gone: StoredBinding[] = [];
  for (const name of new Set(observation.gone)) {
    const record = records.get(name);
    // One that is told as gone and as there went and came again: it is there.
    if (record !== undefined && !observed.has(name)) gone.push(record);
  }
  return gone;
}
