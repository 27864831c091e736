/**
 * All network namespaces that there is a way into: those of processes and threads, bind mounts in
 * every mount namespace, namespace files that processes hold open, and those that tun files lead to.
 */
import type { NetnsFile } from '../kernel/netns.js';
import type { Host } from './host.js';
import { isGone, isRefused } from './kernel-answers.js';
import type { Finds } from './finds.js';
import type { NetnsFiles } from './netns-files.js';
import type { Pace } from './pace.js';

/** Ways into one network namespace, and what it is known by. */
export interface CensusEntry {
  readonly inode: number;
  /** Processes that live in it: the first ones found, no need for all. */
  readonly pids: number[];
  /** Where it is bind-mounted, in whichever mount namespace. */
  readonly paths: Set<string>;
  readonly files: NetnsFile[];
  /** Known only as a namespace file that somebody has open: it may be one of another type. */
  maybeOther: boolean;
}

export type Census = Map<number, CensusEntry>;

/** How many ways into a namespace to remember, should the first ones be gone when they are needed. */
const WAYS = 3;

export async function takeCensus(
  host: Host,
  finds: Finds,
  tunFiles: NetnsFiles,
  pace: Pace,
): Promise<Census> {
  const census: Census = new Map();
  const mountNamespaces = new Map<number, number>();
  entryOf(census, host.ownNetns);
  for (const pid of finds.seen) {
    await pace.rest();
    countProcess(host, census, mountNamespaces, pid);
  }
  for (const [mountNamespace, pid] of mountNamespaces) {
    await pace.rest();
    countMounts(host, census, mountNamespace, pid);
  }
  for (const [inode, { pid, fd }] of finds.namespaceFiles) {
    const known = census.get(inode);
    const entry = known ?? entryOf(census, inode);
    if (known === undefined) entry.maybeOther = true;
    entry.files.push({ root: null, path: `${host.procRoot}/${pid}/fd/${fd}` });
  }
  for (const inode of tunFiles.inodes) entryOf(census, inode).maybeOther = false;
  return census;
}

function entryOf(census: Census, inode: number): CensusEntry {
  let entry = census.get(inode);
  if (entry === undefined) {
    entry = { inode, pids: [], paths: new Set(), files: [], maybeOther: false };
    census.set(inode, entry);
  }
  return entry;
}

function countProcess(
  host: Host,
  census: Census,
  mountNamespaces: Map<number, number>,
  pid: number,
): void {
  const directory = `${host.procRoot}/${pid}`;
  try {
    const { inode } = host.linux.statusOfPath(`${directory}/ns/net`);
    const entry = entryOf(census, inode);
    if (entry.pids.length < WAYS) entry.pids.push(pid);
    const mountNamespace = host.linux.statusOfPath(`${directory}/ns/mnt`).inode;
    if (!mountNamespaces.has(mountNamespace)) mountNamespaces.set(mountNamespace, pid);
    // A directory has a link for itself, its parent and each directory in it: here, each thread.
    const threads = host.linux.statusOfPath(`${directory}/task`).links - 2;
    if (threads > 1) countThreads(host, census, directory, pid, inode);
  } catch (error) {
    // Its descriptors could be looked at, but it ended, or its namespaces are not for us. One that
    // is in no other way known is not known at all: the denied processes stand for it.
    if (!isGone(error) && !isRefused(error)) throw error;
  }
}

/** A thread may have moved to another network namespace than its process. */
function countThreads(
  host: Host,
  census: Census,
  directory: string,
  pid: number,
  leaderInode: number,
): void {
  for (const tid of host.linux.listNumbers(`${directory}/task`)) {
    if (tid === pid) continue;
    try {
      const path = `${directory}/task/${tid}/ns/net`;
      const { inode } = host.linux.statusOfPath(path);
      if (inode === leaderInode) continue;
      const { files } = entryOf(census, inode);
      if (files.length < WAYS) files.push({ root: null, path });
    } catch (error) {
      if (!isGone(error) && !isRefused(error)) throw error;
    }
  }
}

function countMounts(host: Host, census: Census, mountNamespace: number, pid: number): void {
  const directory = `${host.procRoot}/${pid}`;
  // Paths of our own mount namespace are ours to use; in any other they lead through its root.
  const root = mountNamespace === host.ownMountNamespace ? null : `${directory}/root`;
  try {
    for (const { inode, path } of host.linux.readNetnsMounts(directory)) {
      const entry = entryOf(census, inode);
      entry.paths.add(path);
      if (entry.files.length < WAYS) entry.files.push({ root, path });
    }
  } catch (error) {
    if (!isGone(error) && !isRefused(error)) throw error;
  }
}
