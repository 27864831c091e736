/** Random hosts: which devices there are, who holds them, and what is observed of them in turn. */
import fc from 'fast-check';
import type { Binding } from '../../src/model/binding.js';
import type { Observation } from '../../src/model/observation.js';
import { binding, coverage, holder, observed, statistics } from '../store/observations.js';

interface DeviceState {
  readonly namespace: number;
  readonly ifindex: number;
  readonly pid: number | null;
  readonly mtu: number;
  readonly packets: number;
  readonly argument: string;
}

export interface World {
  readonly devices: readonly DeviceState[];
  /** Tell all there is, or only what differs from the world before. */
  readonly full: boolean;
  readonly unattachedFds: number;
}

const device: fc.Arbitrary<DeviceState> = fc.record({
  namespace: fc.integer({ min: 1, max: 3 }),
  ifindex: fc.integer({ min: 1, max: 2 }),
  pid: fc.option(fc.constantFrom(7, 8)),
  mtu: fc.constantFrom(1500, 9000),
  packets: fc.nat(1),
  argument: fc.constantFrom('a', 'b'),
});

export const world: fc.Arbitrary<World> = fc.record({
  devices: fc.uniqueArray(device, {
    maxLength: 5,
    selector: ({ namespace, ifindex }) => `${namespace} ${ifindex}`,
  }),
  full: fc.boolean(),
  unattachedFds: fc.nat(1),
});

/** `before` is what the observation before told. Two of them may be of the same millisecond. */
export function observationOf(
  { devices, full, unattachedFds }: World,
  before: readonly Binding[],
  observedAt: number,
): { readonly observation: Observation; readonly bindings: readonly Binding[] } {
  const bindings = devices.map(bindingOf);
  const fields = { coverage: coverage({ unattachedFds }) };
  if (full) return { observation: observed(observedAt, bindings, fields), bindings };
  const names = new Set(bindings.map(({ name }) => name));
  const gone = before.map(({ name }) => name).filter((name) => !names.has(name));
  const partial = { ...fields, full: false, gone };
  return { observation: observed(observedAt, bindings, partial), bindings };
}

function bindingOf({ namespace, ifindex, pid, mtu, packets, argument }: DeviceState): Binding {
  const process = { commandLine: ['holder', argument] };
  return binding(ifindex, {
    in: namespace,
    holders: pid === null ? [] : [holder(pid, { process })],
    device: { mtu, statistics: statistics(packets) },
  });
}
