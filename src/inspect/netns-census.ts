/**
 * All network namespaces that there is a way into: those of processes and threads, bind mounts in
 * every mount namespace, namespace files that processes hold open, and those that tun files lead to.
 */
import type { TaskRecord } from '../kernel/bpf-iterators.js';
import type { NetnsFile } from '../kernel/netns.js';
import type { Host } from './host.js';
import { isGone, isRefused } from './kernel-answers.js';
import { WAYS, type Finds } from './finds.js';
import type { NetnsFiles } from './netns-files.js';
import { isPidOfOtherProbe } from './other-probe.js';
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
  /** Found since the last census of the whole host, maybe before it was mounted anywhere. */
  isNew: boolean;
}

export type Census = Map<number, CensusEntry>;

/** Inode to the /proc directories of some processes or threads in it, WAYS at most. */
export type MountNamespaces = Map<number, string[]>;

/** Takes a census: first of the tasks that a finder tells, where it does, then of all that was found. */
export class CensusTaking {
  readonly census: Census = new Map();
  readonly mountNamespaces: MountNamespaces;
  /** Mount namespaces whose mounts were read. */
  readonly #mounts = new Set<number>();
  /** Processes that were counted. */
  readonly #counted = new Set<number>();

  constructor(
    private readonly host: Host,
    private readonly pace: Pace,
  ) {
    const own = `${host.procRoot}/${host.ownPid}`;
    this.mountNamespaces = new Map([[host.ownMountNamespace, [own]]]);
    entryOf(this.census, host.ownNetns);
  }

  async countTasks(tasks: readonly TaskRecord[]): Promise<void> {
    await countTasks(this.host, this.census, this.mountNamespaces, tasks, this.pace);
    for (const { pid } of tasks) this.#counted.add(pid);
    await this.#countMounts();
    forgetWaysOfProbes(this.host, this.census);
  }

  async countFinds({ seen, namespaceFiles }: Finds): Promise<void> {
    for (const pid of seen) {
      if (this.#counted.has(pid)) continue;
      await this.pace.rest();
      countProcess(this.host, this.census, this.mountNamespaces, pid);
    }
    await this.#countMounts();
    for (const [inode, paths] of namespaceFiles) {
      const known = this.census.get(inode);
      const entry = known ?? entryOf(this.census, inode);
      if (known === undefined) entry.maybeOther = true;
      entry.files.push(...paths.map((path) => ({ root: null, path })));
    }
    forgetWaysOfProbes(this.host, this.census);
  }

  async #countMounts(): Promise<void> {
    for (const [mountNamespace, directories] of this.mountNamespaces) {
      if (this.#mounts.has(mountNamespace)) continue;
      this.#mounts.add(mountNamespace);
      await this.pace.rest();
      countMounts(this.host, this.census, mountNamespace, directories);
    }
  }
}

/** Adds those that tun files lead to. */
export function addTunFiles(census: Census, tunFiles: NetnsFiles): void {
  for (const inode of tunFiles.inodes) entryOf(census, inode).maybeOther = false;
}

/**
 * The probe of another tapmap enters each namespace for a moment, and keeps some open for the time of a
 * look. Where there is no other way in, the two would keep it alive for each other for ever.
 */
function forgetWaysOfProbes(host: Host, census: Census): void {
  for (const { inode, pids, paths, files } of census.values()) {
    if (paths.size > 0 || inode === host.ownNetns) continue;
    const ways = [...pids, ...files.map(({ path }) => pidIn(host, path))];
    if (ways.length > 0 && ways.every((pid) => isPidOfOtherProbe(host, pid))) census.delete(inode);
  }
}

/** The process through whose /proc directory the path leads. */
function pidIn({ procRoot }: Host, path: string): number {
  return Number(path.slice(procRoot.length + 1).split('/', 1)[0]);
}

/** What was known of them leads elsewhere by now, or nowhere. */
export function forgetNamespaces(census: Census, inodes: ReadonlySet<number>): void {
  for (const inode of inodes) census.delete(inode);
}

export interface Extension {
  readonly pids: ReadonlySet<number>;
  readonly tunFiles: NetnsFiles;
  /** Inodes of namespaces. */
  readonly asked: Iterable<number>;
  readonly readMounts: boolean;
}

/**
 * Brings the census up to date with some processes: where those that are still there live, and, when one of
 * the namespaces that may be told of was not known to the last census, where it is mounted. Those are where
 * they live, where tun files lead to, and what is `asked` for. `readMounts`: also what is mounted anywhere
 * and was not known may be. Returns the namespaces that were not known.
 */
export function extendCensus(
  host: Host,
  census: Census,
  { pids, tunFiles, asked, readMounts }: Extension,
): number[] {
  const before = new Set(census.keys());
  const own = `${host.procRoot}/${host.ownPid}`;
  const mountNamespaces: MountNamespaces = new Map([[host.ownMountNamespace, [own]]]);
  for (const { pids: known } of census.values()) {
    for (let i = known.length - 1; i >= 0; i--) if (pids.has(known[i]!)) known.splice(i, 1);
  }
  for (const pid of pids) countProcess(host, census, mountNamespaces, pid);
  addTunFiles(census, tunFiles);
  const isNew = ({ inode, isNew: wasNew }: CensusEntry) => wasNew || !before.has(inode);
  const isUnnamed = (entry: CensusEntry) => isNew(entry) && entry.paths.size === 0;
  const told = new Set([...asked, ...tunFiles.inodes]);
  const mayBeTold = ({ inode, pids: inhabitants }: CensusEntry) =>
    told.has(inode) || inhabitants.some((pid) => pids.has(pid));
  const entries = [...census.values()];
  const isAnyUnknown = [...told].some((inode) => !census.has(inode));
  if (readMounts || isAnyUnknown || entries.some((one) => mayBeTold(one) && isUnnamed(one))) {
    for (const [mountNamespace, directories] of mountNamespaces) {
      countMounts(host, census, mountNamespace, directories);
    }
  }
  const found = [...census.values()].filter(({ inode }) => !before.has(inode));
  for (const entry of found) entry.isNew = true;
  return found.map(({ inode }) => inode);
}

function entryOf(census: Census, inode: number): CensusEntry {
  let entry = census.get(inode);
  if (entry === undefined) {
    entry = { inode, pids: [], paths: new Set(), files: [], maybeOther: false, isNew: false };
    census.set(inode, entry);
  }
  return entry;
}

/** From what the finder knows of them already: only the ways that are remembered are tried. */
async function countTasks(
  host: Host,
  census: Census,
  mountNamespaces: MountNamespaces,
  tasks: readonly TaskRecord[],
  pace: Pace,
): Promise<void> {
  const closed = new Map<number, number>();
  for (const { pid, tid, netns, mountNamespace } of tasks) {
    await pace.rest();
    const process = `${host.procRoot}/${pid}`;
    const directory = tid === pid ? process : `${process}/task/${tid}`;
    if (netns !== null) {
      const { pids, files } = entryOf(census, netns);
      if ((tid === pid ? pids : files).length < WAYS) {
        const path = `${directory}/ns/net`;
        if (namespaceAt(host, path) !== netns) closed.set(netns, pid);
        else if (tid === pid) pids.push(pid);
        else files.push({ root: null, path });
      }
    }
    if (mountNamespace !== null && (mountNamespaces.get(mountNamespace)?.length ?? 0) < WAYS) {
      countMountNamespace(host, mountNamespaces, directory);
    }
  }
  // Where all processes are closed to us, one of them is kept: to be refused is an answer, too.
  for (const [netns, pid] of closed) {
    const { pids, files } = entryOf(census, netns);
    if (pids.length + files.length === 0) pids.push(pid);
  }
}

function countProcess(
  host: Host,
  census: Census,
  mountNamespaces: MountNamespaces,
  pid: number,
): void {
  const directory = `${host.procRoot}/${pid}`;
  const inode = namespaceAt(host, `${directory}/ns/net`);
  if (inode !== null) {
    const { pids } = entryOf(census, inode);
    if (pids.length < WAYS) pids.push(pid);
    countMountNamespace(host, mountNamespaces, directory);
  }
  // A directory has a link for itself, its parent and each directory in it: here, each thread.
  const threads = orNull(() => host.linux.statusOfPath(`${directory}/task`).links - 2) ?? 0;
  if (threads > 1) countThreads(host, census, mountNamespaces, pid, inode);
}

/**
 * A thread may have moved to another network namespace than its process. Where the first thread of a
 * process has ended, its namespaces are gone, and only the other threads show theirs.
 */
function countThreads(
  host: Host,
  census: Census,
  mountNamespaces: MountNamespaces,
  pid: number,
  leaderInode: number | null,
): void {
  const tasks = `${host.procRoot}/${pid}/task`;
  for (const tid of orNull(() => host.linux.listNumbers(tasks)) ?? []) {
    if (tid === pid) continue;
    const directory = `${tasks}/${tid}`;
    const path = `${directory}/ns/net`;
    const inode = namespaceAt(host, path);
    if (leaderInode === null) countMountNamespace(host, mountNamespaces, directory);
    if (inode === null || inode === leaderInode) continue;
    const { files } = entryOf(census, inode);
    if (files.length < WAYS) files.push({ root: null, path });
  }
}

function countMountNamespace(
  host: Host,
  mountNamespaces: MountNamespaces,
  directory: string,
): void {
  const inode = namespaceAt(host, `${directory}/ns/mnt`);
  if (inode === null) return;
  const known = mountNamespaces.get(inode);
  if (known === undefined) mountNamespaces.set(inode, [directory]);
  else if (known.length < WAYS) known.push(directory);
}

function namespaceAt(host: Host, path: string): number | null {
  return orNull(() => host.linux.statusOfPath(path).inode);
}

/**
 * Null when the process ended, or when this is not for us: a namespace that is in no other way known
 * is not known at all, and the denied processes stand for it.
 */
function orNull<T>(read: () => T): T | null {
  try {
    return read();
  } catch (error) {
    if (isGone(error) || isRefused(error)) return null;
    throw error;
  }
}

function countMounts(
  host: Host,
  census: Census,
  mountNamespace: number,
  directories: readonly string[],
): void {
  for (const directory of directories) {
    const mounts = orNull(() => host.linux.readNetnsMounts(directory));
    // It may have ended meanwhile, or left for another mount namespace: then the next one tells.
    if (mounts === null || namespaceAt(host, `${directory}/ns/mnt`) !== mountNamespace) continue;
    for (const { inode, path } of mounts) {
      const entry = entryOf(census, inode);
      entry.paths.add(path);
      // Paths of our own mount namespace are ours to use; in any other they lead through a root.
      const roots =
        mountNamespace === host.ownMountNamespace
          ? [null]
          : directories.map((one) => `${one}/root`);
      for (const root of roots) if (entry.files.length < WAYS) entry.files.push({ root, path });
    }
    return;
  }
}
