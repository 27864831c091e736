/** Asks one network namespace for its tun, macvtap and ipvtap devices. */
import { isKernelError } from '../kernel/kernel-error.js';
import type { Link } from '../kernel/link-message.js';
import type { Master } from '../model/device.js';
import type { Driver, Host } from './host.js';
import { isRefused } from './kernel-answers.js';
import type { CensusEntry } from './netns-census.js';
import type { NetnsFiles } from './netns-files.js';
import type { RouteSockets } from './route-sockets.js';

/** A device, and how many queues the kernel counts on it. */
export interface DeviceLink {
  readonly driver: Driver;
  readonly link: Link;
  readonly master: Master | null;
  /** Null where the kernel does not tell. */
  readonly attached: number | null;
  readonly disabled: number | null;
}

export interface NetnsLinks {
  readonly inode: number;
  readonly cookie: string | null;
  readonly devices: DeviceLink[];
}

/** Which links of a namespace to ask for: all of some drivers, or those with these indexes and names (latin1). */
export type LinkChoice =
  | readonly Driver[]
  | { readonly indexes: ReadonlySet<number>; readonly names: ReadonlySet<string> };

/** What could be learned of one namespace: its links, or the symbolic errno that kept us out. */
export type NetnsAnswer = NetnsLinks | { readonly inode: number; readonly errno: string } | null;

/**
 * What fails once, and is no refusal, is asked once more: else all devices of a namespace would be gone
 * for one scan.
 */
const ATTEMPTS = 2;

/**
 * Null when what was taken for a network namespace is gone or is a namespace of another type. `sockets`
 * takes over the socket of a namespace that has such devices.
 */
export function readNetnsLinks(
  host: Host,
  entry: CensusEntry,
  tunFiles: NetnsFiles,
  choice: LinkChoice,
  sockets: RouteSockets | null = null,
): NetnsAnswer {
  for (let attempt = 1; ; attempt++) {
    try {
      return askEntered({ host, choice, sockets }, entry, tunFiles);
    } catch (error) {
      if (!isKernelError(error)) throw error;
      if (isRefused(error) || attempt === ATTEMPTS) {
        return { inode: entry.inode, errno: error.code };
      }
    }
  }
}

interface Question {
  readonly host: Host;
  readonly choice: LinkChoice;
  readonly sockets: RouteSockets | null;
}

/** Throws KernelError. */
function askEntered(
  question: Question,
  entry: CensusEntry,
  tunFiles: NetnsFiles,
): NetnsLinks | null {
  const { inode } = entry;
  const { host } = question;
  if (inode === host.ownNetns) return askNetns(question, inode);
  const held = tunFiles.fdOf(inode);
  if (held !== undefined) return askInside(question, inode, held);
  const fd = enter(host, entry);
  if (fd === null) return null;
  try {
    return askInside(question, inode, fd);
  } finally {
    host.linux.close(fd);
  }
}

function askInside(question: Question, inode: number, fd: number): NetnsLinks {
  const { host } = question;
  // Before its links are read, so that no change comes between.
  host.enteredNetns(inode, fd);
  return host.linux.inNetns(fd, () => askNetns(question, inode));
}

/** Opens the namespace by the first way that still leads there. Throws KernelError when refused. */
function enter(host: Host, entry: CensusEntry): number | null {
  const { linux, procRoot, nsfs } = host;
  const ways = [
    ...entry.pids.map((pid) => ({ root: null, path: `${procRoot}/${pid}/ns/net` })),
    ...entry.files,
  ];
  let refused: unknown = null;
  for (const way of ways) {
    let fd: number;
    try {
      fd = linux.openNetns(way, entry.inode, nsfs);
    } catch (error) {
      // ENOSYS: a mount of another mount namespace, and no openat2(2) to follow its path there.
      if (isRefused(error)) refused = error;
      continue;
    }
    if (!entry.maybeOther || linux.isNetns(fd)) return fd;
    linux.close(fd);
    return null;
  }
  if (refused !== null) throw refused as Error;
  return null;
}

/** With the thread in the namespace. Throws KernelError. */
function askNetns({ host, choice, sockets }: Question, inode: number): NetnsLinks {
  const { linux } = host;
  const route = linux.openRouteSocket();
  let isKept = false;
  try {
    const ethtool = openEthtoolSocket(host);
    try {
      const cookie = linux.netnsCookie(route);
      const devices = readDevices(host, route, ethtool, choice);
      if (sockets !== null && devices.length > 0) {
        sockets.keep(inode, route);
        isKept = true;
      }
      return { inode, cookie, devices };
    } finally {
      if (ethtool !== null) linux.close(ethtool);
    }
  } finally {
    if (!isKept) linux.close(route);
  }
}

/** Null where sockets of its family are not allowed: then queues are not counted. */
function openEthtoolSocket({ linux }: Host): number | null {
  try {
    return linux.openEthtoolSocket();
  } catch (error) {
    if (isKernelError(error)) return null;
    throw error;
  }
}

function readDevices(
  host: Host,
  route: number,
  ethtool: number | null,
  choice: LinkChoice,
): DeviceLink[] {
  const { linux } = host;
  const masters = new Map<number, Master | null>();
  const masterOf = (ifindex: number): Master | null => {
    let master = masters.get(ifindex);
    if (master === undefined) {
      const link = linux.readLinkByIndex(route, ifindex);
      master = link === null ? null : { name: link.name, ifindex };
      masters.set(ifindex, master);
    }
    return master;
  };
  const devices: DeviceLink[] = [];
  for (const { driver, listed } of listedLinks(host, route, choice)) {
    const counted = countedLink(host, route, ethtool, listed);
    if (counted === null) continue;
    const { link, attached, disabled } = counted;
    const master = link.master === null ? null : masterOf(link.master);
    devices.push({ driver, link, master, attached, disabled });
  }
  return devices;
}

function listedLinks(
  { linux, drivers }: Host,
  route: number,
  choice: LinkChoice,
): { driver: Driver; listed: Link }[] {
  if (!('indexes' in choice)) {
    return choice.flatMap((driver) =>
      linux.dumpLinks(route, driver).map((listed) => ({ driver, listed })),
    );
  }
  const links = new Map<number, Link>();
  const add = (link: Link | null) => {
    if (link !== null) links.set(link.ifindex, link);
  };
  for (const ifindex of choice.indexes) add(linux.readLinkByIndex(route, ifindex));
  for (const name of choice.names) add(linux.readLinkByName(route, name));
  return [...links.values()].flatMap((listed) => {
    const driver = drivers().find((one) => one === listed.kind);
    return driver === undefined ? [] : [{ driver, listed }];
  });
}

/** A device that is renamed before it is counted is looked up again, so often. */
const RENAMES = 8;

/** The link with the kernel's count of its queues; null when it has gone meanwhile. */
function countedLink(
  host: Host,
  route: number,
  ethtool: number | null,
  listed: Link,
): Pick<DeviceLink, 'link' | 'attached' | 'disabled'> | null {
  let link: Link | null = listed;
  for (let attempt = 1; link !== null; attempt++) {
    const { tun, name } = link;
    if (tun === null) return { link, attached: null, disabled: null };
    // Of a multi-queue device the same message tells both: nothing can come between.
    if (tun.queues !== null) return { link, attached: tun.queues, disabled: tun.disabledQueues };
    // A queue of a single-queue device cannot be detached (tun_set_queue of drivers/net/tun.c).
    if (!host.countsSingleQueue || ethtool === null) return { link, attached: null, disabled: 0 };
    try {
      return { link, attached: host.linux.combinedChannels(ethtool, name), disabled: 0 };
    } catch (error) {
      if (!isKernelError(error, 'ENODEV')) throw error;
      if (attempt === RENAMES) return { link, attached: null, disabled: 0 };
      link = host.linux.readLinkByIndex(route, link.ifindex);
    }
  }
  return null;
}
