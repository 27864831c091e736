/** What this process may do. See capabilities(7), include/uapi/linux/capability.h. */
import { readPidStatus } from './proc-pid-status.js';

const bits = {
  CAP_DAC_READ_SEARCH: 2n,
  CAP_NET_ADMIN: 12n,
  CAP_SYS_PTRACE: 19n,
  CAP_SYS_ADMIN: 21n,
  CAP_PERFMON: 38n,
  CAP_BPF: 39n,
} as const;

export type Capability = keyof typeof bits;

/** The capabilities of interest that this process has in effect. */
export function effectiveCapabilities(): Set<Capability> {
  const { effectiveCapabilities: effective } = readPidStatus('/proc/self');
  const has = (capability: Capability) => ((effective >> bits[capability]) & 1n) === 1n;
  return new Set((Object.keys(bits) as Capability[]).filter(has));
}
