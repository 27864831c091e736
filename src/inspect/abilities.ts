/** What this kernel and these rights allow, what each that is missing costs, and what to do about it. */
import { effectiveCapabilities, type Capability } from '../kernel/capability.js';
import type { Degradation } from '../model/coverage.js';
import type { Ability } from './ability.js';
import type { Host } from './host.js';
import { kernelAbilities } from './kernel-abilities.js';

/** Those that are missing, as coverage tells them. */
export function degradations(host: Host): Degradation[] {
  return abilities(host)
    .filter(({ available }) => !available)
    .map(({ name, cost, remedy }) => ({ missing: name, cost, remedy }));
}

export function abilities(host: Host): Ability[] {
  const effective = effectiveCapabilities();
  return [...capabilityAbilities(effective), ...kernelAbilities(host, effective)];
}

/** Those of the BPF finder are told with it. */
const capabilities: Record<
  Exclude<Capability, 'CAP_BPF' | 'CAP_PERFMON'>,
  { purpose: string; cost: string }
> = {
  CAP_SYS_PTRACE: {
    purpose: 'look at open files of other users’ processes, and copy them',
    cost: 'devices that other users’ processes may hold are UNKNOWN',
  },
  CAP_DAC_READ_SEARCH: {
    purpose: 'read descriptor tables of other users’ processes',
    cost: 'devices that other users’ processes may hold are UNKNOWN',
  },
  CAP_NET_ADMIN: {
    purpose: 'ask an open file for the network namespace of its device',
    cost: 'holders match by name only',
  },
  CAP_SYS_ADMIN: {
    purpose: 'enter other network namespaces',
    cost: 'devices in other network namespaces are not listed',
  },
};

function capabilityAbilities(effective: ReadonlySet<Capability>): Ability[] {
  return (Object.keys(capabilities) as (keyof typeof capabilities)[]).map((name) => ({
    name,
    ...capabilities[name],
    available: effective.has(name),
    remedy: `start tapmap as root, or give its probe ${name}`,
  }));
}
