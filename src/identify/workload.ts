/** Tells what people call what a process belongs to. */
import type { Workload } from '../model/holder.js';
import { cgroupWorkload } from './cgroup-path.js';

/** Null when it cannot be told with certainty: wrong is worse than unset. */
export function workloadOf({ cgroup }: { readonly cgroup: string }): Workload | null {
  return cgroupWorkload(cgroup);
}
