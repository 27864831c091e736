/** Device nodes of tun, macvtap and ipvtap, by their paths and numbers. */
import { TUN_MAJOR, TUN_MINOR } from '../kernel/tun.js';
import type { Binding } from '../model/binding.js';
import type { Host } from './host.js';
import type { Look } from './look.js';

/** Whether this is the device number of a node. */
export function isNode(host: Host, major: number, minor: number): boolean {
  if (major === TUN_MAJOR) return minor === TUN_MINOR;
  return major === host.majorOf('macvtap') || major === host.majorOf('ipvtap');
}

/** Where the programs of a mount namespace have the tun node, through the /proc directory of one. */
export function nodeBelow(directory: string): string {
  return `${directory}/root/dev/net/tun`;
}

/**
 * Paths that may lead to nodes: descriptors, which do, and where each mount namespace has the tun node, if it
 * has one.
 */
export function nodesOf({ procRoot }: Host, { finds, mountNamespaces }: Look): string[] {
  const open = finds.tables.flatMap(({ pid, tid, devices }) => {
    const task = tid === null ? `${procRoot}/${pid}` : `${procRoot}/${pid}/task/${tid}`;
    return devices.map(({ fd }) => `${task}/fd/${fd}`);
  });
  return [...open, ...[...mountNamespaces.values()].map(([directory]) => nodeBelow(directory!))];
}

/** Where devtmpfs has the nodes of macvtap and ipvtap devices, each of which has its own. */
export function tapNodesOf(bindings: readonly Binding[]): string[] {
  return bindings
    .filter(({ device }) => device.kind === 'MACVTAP' || device.kind === 'IPVTAP')
    .map(({ device }) => `/dev/tap${device.ifindex}`);
}
