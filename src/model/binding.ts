import type { Device } from './device.js';
import type { Holder } from './holder.js';
import type { Hint, Queues, Reason, Verdict } from './verdict.js';

/** One device, its holders, and how sure we are: what the probe observes. */
export interface Binding {
  /** `resourceName()` of the device. */
  readonly name: string;
  readonly device: Device;
  /** Ordered by pid. */
  readonly holders: readonly Holder[];
  readonly verdict: Verdict;
  readonly hints: readonly Hint[];
  readonly reasons: readonly Reason[];
  readonly queues: Queues;
}
