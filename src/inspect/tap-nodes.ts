/**
 * Which device a macvtap or ipvtap file is attached to. The file tells name and address of its device,
 * but no namespace, and the number of the node that was opened.
 *
 * The number alone proves nothing: a move to another network namespace frees the number of a device and
 * gives it the lowest free one (macvtap_device_event, tap_get_minor of drivers/net), and its old one may
 * be another device's by now. But it never gets a higher one. So a device is the file's when no other of
 * the host can be: each other one has another name or address, or a number above the file's.
 */
import { isKernelError } from '../kernel/kernel-error.js';
import type { TapNode } from '../kernel/sys-dev-char.js';
import type { Attachment } from './attachment.js';
import type { Host, TapDriver } from './host.js';
import type { DeviceLink } from './netns-links.js';

/** All nodes of the host by driver and name; a driver whose nodes could not be read is not in it. */
export type TapNodes = ReadonlyMap<TapDriver, ReadonlyMap<string, readonly TapNode[]>>;

/** Reads the nodes of those drivers that files were found of. */
export function readTapNodes(host: Host, attachments: readonly Attachment[]): TapNodes {
  const nodes = new Map<TapDriver, ReadonlyMap<string, readonly TapNode[]>>();
  for (const driver of ['macvtap', 'ipvtap'] as const) {
    const major = host.majorOf(driver);
    if (major === undefined || !attachments.some((found) => found.driver === driver)) continue;
    try {
      nodes.set(driver, byName(host.linux.readTapNodes(host.sysRoot, major)));
    } catch (error) {
      // No sysfs: name and address are all there is.
      if (!isKernelError(error)) throw error;
    }
  }
  return nodes;
}

/** The nodes of all devices that have the name which the file tells; null when they are not known. */
export function nodesOfName(
  nodes: TapNodes,
  { driver, name }: Attachment,
): readonly TapNode[] | null {
  const ofDriver = driver === 'tun' ? undefined : nodes.get(driver);
  return ofDriver === undefined ? null : (ofDriver.get(name) ?? []);
}

function byName(nodes: readonly TapNode[]): Map<string, TapNode[]> {
  const named = new Map<string, TapNode[]>();
  for (const node of nodes) {
    const sameName = named.get(node.name);
    if (sameName === undefined) named.set(node.name, [node]);
    else sameName.push(node);
  }
  return named;
}

/** Where a file may belong. */
export interface TapCandidates<D> {
  /** Listed devices that it may belong to. */
  readonly listed: D[];
  /** How many devices it may belong to whose network namespace could not be listed. */
  readonly unlisted: number;
}

/**
 * Narrows the devices that a file with a node of its own may belong to: `sameName` are the listed ones
 * of its name and driver, `fits` those of them that its address fits, `nodes` all of its name on the host.
 * Null when listing and nodes do not agree: something was moved, renamed or deleted in between.
 */
export function tapCandidates<D extends { readonly device: DeviceLink }>(
  nodeMinor: number,
  sameName: readonly D[],
  fits: (device: D) => boolean,
  nodes: readonly TapNode[],
): TapCandidates<D> | null {
  const groups = new Map<number, { minors: number[]; devices: D[] }>();
  for (const { ifindex, minor } of nodes) {
    const group = groups.get(ifindex);
    if (group === undefined) groups.set(ifindex, { minors: [minor], devices: [] });
    else group.minors.push(minor);
  }
  for (const device of sameName) {
    const group = groups.get(device.device.link.ifindex);
    if (group === undefined) return null;
    group.devices.push(device);
  }
  const listed: D[] = [];
  let unlisted = 0;
  // Devices of one name and index in several namespaces: which has which number cannot be told.
  for (const { minors, devices } of groups.values()) {
    if (devices.length > minors.length) return null;
    if (minors.every((minor) => minor > nodeMinor)) continue;
    listed.push(...devices.filter(fits));
    unlisted += minors.length - devices.length;
  }
  return { listed, unlisted };
}
