// What the clients print of a binding, as the kernel has it.
import { readFileSync } from 'node:fs';
import type { Netns } from '../stage/netns.js';

export interface BindingRecord {
  readonly name: string;
  readonly device: string;
  readonly netns: string;
  readonly verdict: string;
  readonly holders: readonly { readonly pid: number; readonly comm: string }[];
}

/** A binding as the kernel has it: cookie, ifindex and comm are asked of it here. */
export function record(netns: Netns, device: string, ...pids: number[]): BindingRecord {
  return {
    name: `netns/${netns.cookie()}/devices/${netns.ifindex(device)}`,
    device,
    netns: netns.path,
    verdict: pids.length === 0 ? 'UNHELD' : 'HELD',
    holders: pids.map((pid) => ({
      pid,
      comm: readFileSync(`/proc/${pid}/comm`, 'utf8').trimEnd(),
    })),
  };
}

export const byName = (one: { name: string }, other: { name: string }): number =>
  one.name < other.name ? -1 : 1;
