/**
 * /sys/dev/char: device number to device. It shows those of all network namespaces, whichever one
 * /sys was mounted in. See Documentation/admin-guide/sysfs-rules.rst, drivers/net/tap.c.
 */
import { readdirSync } from 'node:fs';
import { readLink } from './descriptor.js';
import { isKernelError, KernelError } from './kernel-error.js';

/** The device node of a macvtap or ipvtap link: `/dev/tap{ifindex}` with a number of its own. */
export interface TapNode {
  readonly minor: number;
  /** Of the link: its bytes, one character (latin1) each. */
  readonly name: string;
  /** Of the link, in its network namespace. */
  readonly ifindex: number;
}

/**
 * The nodes of one driver, of all network namespaces, those that cannot be entered included. Throws
 * KernelError: ENOENT when there is no sysfs at `sysRoot`, EINVAL when a link is not as expected.
 */
export function readTapNodes(sysRoot: string, major: number): TapNode[] {
  const directory = `${sysRoot}/dev/char`;
  const nodes: TapNode[] = [];
  for (const entry of namesIn(directory)) {
    const minor = minorOf(entry, major);
    if (minor === null) continue;
    const target = targetOf(`${directory}/${entry}`);
    if (target === null) continue;
    const link = parseTapNode(target);
    // One that is not understood may be any device: then the list would not be all there is.
    if (link === null) throw new KernelError(`readlink ${directory}/${entry}`, 'EINVAL');
    nodes.push({ minor, ...link });
  }
  return nodes.sort((a, b) => a.minor - b.minor);
}

function namesIn(directory: string): string[] {
  try {
    return readdirSync(directory);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    throw code === undefined ? error : new KernelError(`readdir ${directory}`, code);
  }
}

function minorOf(entry: string, major: number): number | null {
  const [, entryMajor, minor] = /^(\d+):(\d+)$/.exec(entry) ?? [];
  return Number(entryMajor) === major ? Number(minor) : null;
}

/** Null when the device has gone meanwhile. */
function targetOf(path: string): string | null {
  try {
    return readLink(path, 'latin1');
  } catch (error) {
    if (isKernelError(error, 'ENOENT')) return null;
    throw error;
  }
}

/**
 * From where an entry of /sys/dev/char leads, such as `../../devices/virtual/net/macvtap0/macvtap/tap12`
 * (tap_get_minor and macvtap_device_event of drivers/net). Null when it is no node of a tap driver.
 */
export function parseTapNode(target: string): Pick<TapNode, 'name' | 'ifindex'> | null {
  const [, name, ifindex] = /\/net\/([^/]+)\/(?:[^/]+\/)?tap(\d+)$/.exec(target) ?? [];
  return name === undefined ? null : { name, ifindex: Number(ifindex) };
}
