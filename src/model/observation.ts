import type { Binding } from './binding.js';
import type { Coverage } from './coverage.js';

/**
 * What one look at the host found. A full one says all there is: what it does not name is gone. One
 * that is not full says what differs from the observation before it.
 */
export interface Observation {
  readonly full: boolean;
  /** When the look ended, milliseconds since the epoch. */
  readonly observedAt: number;
  /** New or changed bindings. */
  readonly bindings: readonly Binding[];
  /** Resource names of bindings that are gone. Empty in a full observation. */
  readonly gone: readonly string[];
  readonly coverage: Coverage;
}
