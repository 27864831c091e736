/**
 * A look at a part of the host: the same steps as the look at all of it, on the processes and links of a
 * scope, and on whatever those lead to. Holders of a link that changed are looked at, and links that a
 * process holds; what is outside cannot have changed with them.
 */
import { isKernelError } from '../kernel/kernel-error.js';
import type { Attachment } from './attachment.js';
import { confirm } from './confirm.js';
import { noFinds } from './finds.js';
import type { Host } from './host.js';
import { extendCensus, forgetNamespaces, type Census } from './netns-census.js';
import { NetnsFiles } from './netns-files.js';
import { readNetnsLinks, type NetnsLinks } from './netns-links.js';
import { place, type PlacedDevice, type Placement } from './place.js';
import type { ProcessFacts } from './process-facts.js';
import { resolveTable } from './resolve.js';
import type { Scope } from './scope.js';
import { tablesOf } from './thread-tables.js';
import { walkTable, walkThreadTables } from './walk-tables.js';

/** What is known of the host from the looks before. */
export interface Known {
  readonly census: Census;
  /** Devices by key, as they were last placed. */
  readonly devices: ReadonlyMap<string, PlacedDevice>;
  /** Keys of devices that a process holds. */
  readonly heldBy: (pid: number) => Iterable<string>;
  /** Key of the device of that index or name (latin1) in a network namespace. */
  readonly link: (netnsInode: number, indexOrName: number | string) => string | undefined;
  readonly linksOf: (netnsInode: number) => Iterable<string>;
}

export interface PartialLook {
  /** All processes that were looked at. */
  readonly pids: ReadonlySet<number>;
  /** Keys of all devices that were looked at, those that are gone included. */
  readonly keys: ReadonlySet<string>;
  readonly namespaces: ReadonlyMap<number, NetnsLinks>;
  readonly processes: ReadonlyMap<number, ProcessFacts>;
  readonly placement: Placement;
}

/** Links to ask for, by namespace. */
class Links {
  readonly choices = new Map<number, { indexes: Set<number>; names: Set<string> }>();
  /** Namespaces of which all links are asked for. */
  readonly whole = new Set<number>();

  addWhole(inode: number): void {
    this.whole.add(inode);
    this.of(inode);
  }

  of(inode: number): { indexes: Set<number>; names: Set<string> } {
    let choice = this.choices.get(inode);
    if (choice === undefined) {
      choice = { indexes: new Set(), names: new Set() };
      this.choices.set(inode, choice);
    }
    return choice;
  }
}

/**
 * Null where only a look at everything will do: for a process that may not be looked at, as the finder may
 * know of it by other means; for a descriptor that does not tell its namespace; and for a namespace with
 * devices that has gone, or that there is no way into any more.
 */
export function lookAgain(host: Host, known: Known, scope: Scope): PartialLook | null {
  const files = new NetnsFiles(host);
  try {
    for (const inode of scope.goneNamespaces) if ([...known.linksOf(inode)].length > 0) return null;
    const links = new Links();
    for (const inode of scope.namespaces) links.addWhole(inode);
    forgetNamespaces(known.census, scope.goneNamespaces);
    const pids = new Set<number>();
    const keys = new Set<string>();
    const attachments: Attachment[] = [];
    const processes = new Map<number, ProcessFacts>();
    for (const [inode, indexes] of scope.links) {
      for (const ifindex of indexes) links.of(inode).indexes.add(ifindex);
    }
    const { linux, procRoot } = host;
    const walk = { linux, procRoot, targets: host.lastTargets() };
    let next = new Set([...scope.pids, ...takeDevices(known, links, pids, keys)]);
    while (next.size > 0) {
      for (const pid of next) {
        pids.add(pid);
        const held = resolveProcess(host, walk, pid, files, processes);
        if (held === null) return null;
        for (const attachment of held) {
          if (attachment.deviceNetns === null) return null;
          attachments.push(attachment);
          links.of(attachment.deviceNetns).names.add(attachment.name);
        }
      }
      next = takeDevices(known, links, pids, keys);
    }
    // Where nobody has been, nothing is known, and no change is told of yet.
    const found = extendCensus(host, known.census, {
      pids,
      tunFiles: files,
      asked: links.choices.keys(),
      readMounts: [...scope.openers].some((pid) => !isThere(host, pid)),
    });
    for (const inode of found) links.addWhole(inode);
    const namespaces = listLinks(host, known.census, links, files);
    const isMissing = (inode: number) => links.choices.has(inode) && !namespaces.has(inode);
    const isHeldBack = (key: string) => isMissing(known.devices.get(key)!.netns.inode);
    if ([...scope.namespaces].some(isMissing) || [...keys].some(isHeldBack)) return null;
    const placement = confirm(host, place(attachments, namespaces), new Map(), null);
    for (const { key } of placement.devices) keys.add(key);
    return { pids, keys, namespaces, processes, placement };
  } finally {
    files.close();
  }
}

/**
 * Takes in the devices that are held by `pids` or are among `links`, by index or by name. Returns their
 * holders that were not looked at.
 */
function takeDevices(
  known: Known,
  links: Links,
  pids: ReadonlySet<number>,
  keys: Set<string>,
): Set<number> {
  const chosen = new Set<string>();
  for (const [inode, { indexes, names }] of links.choices) {
    if (links.whole.has(inode)) for (const key of known.linksOf(inode)) chosen.add(key);
    for (const one of [...indexes, ...names]) {
      const key = known.link(inode, one);
      if (key !== undefined) chosen.add(key);
    }
  }
  for (const pid of pids) for (const key of known.heldBy(pid)) chosen.add(key);
  const holders = new Set<number>();
  for (const key of chosen) {
    const { netns, device, proven } = known.devices.get(key)!;
    keys.add(key);
    links.of(netns.inode).indexes.add(device.link.ifindex);
    for (const { pid } of proven) if (!pids.has(pid)) holders.add(pid);
  }
  return holders;
}

function isThere({ linux, procRoot }: Host, pid: number): boolean {
  try {
    linux.statusOfPath(`${procRoot}/${pid}`);
    return true;
  } catch (error) {
    if (isKernelError(error)) return false;
    throw error;
  }
}

/** Null when it may not be looked at. */
function resolveProcess(
  host: Host,
  walk: Parameters<typeof walkTable>[0],
  pid: number,
  files: NetnsFiles,
  processes: Map<number, ProcessFacts>,
): Attachment[] | null {
  const finds = noFinds();
  walkTable(walk, pid, null, finds);
  walkThreadTables(walk, tablesOf(host, pid), finds);
  if (finds.denied.size > 0) return null;
  return finds.tables.flatMap((table) => {
    const resolved = resolveTable(host, table, files);
    if (resolved.process !== null) processes.set(pid, resolved.process);
    return resolved.attachments;
  });
}

function listLinks(
  host: Host,
  census: Census,
  links: Links,
  files: NetnsFiles,
): Map<number, NetnsLinks> {
  const namespaces = new Map<number, NetnsLinks>();
  for (const [inode, choice] of links.choices) {
    const entry = census.get(inode);
    const asked = links.whole.has(inode) ? host.drivers() : choice;
    const answer = entry === undefined ? null : readNetnsLinks(host, entry, files, asked);
    if (answer !== null && !('errno' in answer)) namespaces.set(inode, answer);
  }
  return namespaces;
}
