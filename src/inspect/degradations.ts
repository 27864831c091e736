/** What this kernel and these rights do not allow, what each costs, and what to do about it. */
import { release } from 'node:os';
import { effectiveCapabilities, type Capability } from '../kernel/capability.js';
import { isKernelError } from '../kernel/kernel-error.js';
import type { Degradation } from '../model/coverage.js';
import type { Host } from './host.js';

const capabilityCosts: Record<Capability, string> = {
  CAP_SYS_PTRACE:
    'open files of other users’ processes cannot be looked at: devices that they may hold are UNKNOWN',
  CAP_DAC_READ_SEARCH:
    'descriptor tables of other users’ processes cannot be read: devices that they may hold are UNKNOWN',
  CAP_NET_ADMIN:
    'the network namespace of a held device cannot be asked for: holders match by name only',
  CAP_SYS_ADMIN: 'other network namespaces cannot be entered: their devices are not listed',
};

/** Ordered as told. */
export function degradations(host: Host): Degradation[] {
  return [...missingCapabilities(), ...missingCalls(host)];
}

function missingCapabilities(): Degradation[] {
  const effective = effectiveCapabilities();
  return (Object.keys(capabilityCosts) as Capability[])
    .filter((capability) => !effective.has(capability))
    .map((missing) => ({
      missing,
      cost: capabilityCosts[missing],
      remedy: `start tapmap as root, or give its probe ${missing}`,
    }));
}

function missingCalls(host: Host): Degradation[] {
  const { linux } = host;
  const missing: Degradation[] = [];
  const add = (what: string, cost: string, since: string) => {
    missing.push({ missing: what, cost, remedy: `Linux ${since} or later (this is ${release()})` });
  };
  // Each call is made with a descriptor that cannot be: a kernel that has it says so.
  if (isMissing(() => linux.pidfdGetfd(-1, 0))) {
    add(
      'pidfd_getfd',
      'open files of other processes cannot be asked: holders match by name only',
      '5.6',
    );
  }
  if (isMissing(() => linux.compareOpenFiles(-1, -1))) {
    missing.push({
      missing: 'kcmp',
      cost: 'descriptors that share one open file count as separate queues',
      remedy: 'a kernel with CONFIG_KCMP, or a seccomp profile that allows kcmp',
    });
  }
  if (!host.countsSingleQueue) {
    add('ETHTOOL_GCHANNELS', 'a single-queue device without a known holder is UNKNOWN', '6.9');
  }
  return missing;
}

function isMissing(call: () => unknown): boolean {
  try {
    call();
    return false;
  } catch (error) {
    return isKernelError(error, 'ENOSYS', 'EPERM');
  }
}
