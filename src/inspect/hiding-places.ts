/**
 * Places that keep open files without a descriptor of them: unix sockets with descriptors in flight,
 * io_uring instances with registered files, vhost-net instances with a backend. What holds a queue that
 * no descriptor table shows may be in one of them.
 */
import { isKernelError } from '../kernel/kernel-error.js';
import type { HidingPlaceFind } from '../kernel/proc-fd.js';
import { VHOST_NET } from '../kernel/vhost-net.js';
import type { HintKind } from '../model/verdict.js';
import { slotKey, type Slot } from './attachment.js';
import { noFinds, type TableFinds } from './finds.js';
import type { Host } from './host.js';
import { isGone, isRefused } from './kernel-answers.js';
import type { Pace } from './pace.js';
import { withPinnedProcess, type PinnedProcess } from './pinned-process.js';
import { searchThreadTables } from './thread-tables.js';
import { walkTable, walkThreadTables } from './walk-tables.js';

export interface HidingPlace extends Slot {
  readonly kind: HintKind;
  /** How many queues it may hold, as it says itself; 1 where it does not say. */
  readonly queues: number;
  /** Names the place: descriptors of one socket lead to the same. */
  readonly key: string;
}

/** Looks into every descriptor table for them: a search over all files of the host. */
export async function searchHidingPlaces(host: Host, pace: Pace): Promise<HidingPlace[]> {
  const { linux, procRoot, ownPid } = host;
  const targets = { ...host.targets(), hidingPlaces: { vhostNet: VHOST_NET } };
  const walk = { linux, procRoot, targets };
  const finds = noFinds();
  for (const pid of linux.listNumbers(procRoot)) {
    if (pid === ownPid) continue;
    await pace.rest();
    walkTable(walk, pid, null, finds);
  }
  walkThreadTables(walk, await searchThreadTables(host, pace), finds);
  const places: HidingPlace[] = [];
  for (const table of finds.tables) {
    if (table.hidingPlaces.length === 0) continue;
    await pace.rest();
    places.push(...placesIn(host, table));
  }
  return places.sort((a, b) => a.pid - b.pid || (a.tid ?? 0) - (b.tid ?? 0) || a.fd - b.fd);
}

/** Those of them that still are what they were. */
export function stillThere(host: Host, places: readonly HidingPlace[]): HidingPlace[] {
  return places.filter((place) => {
    const { pid, tid, fd, key, startTime } = place;
    const type = typeOf[place.kind];
    const inode = type === 'socket' ? Number(key) : 0;
    return placesIn(host, { pid, tid, hidingPlaces: [{ fd, type, inode }] }).some(
      (now) => now.startTime === startTime && now.queues === place.queues,
    );
  });
}

const typeOf: Record<HintKind, HidingPlaceFind['type']> = {
  DESCRIPTOR_IN_FLIGHT: 'socket',
  IO_URING: 'anonymous',
  VHOST_NET: 'vhost-net',
};

/** None of a process that ends, or that may be looked into no further. */
function placesIn(
  host: Host,
  { pid, tid, hidingPlaces }: Pick<TableFinds, 'pid' | 'tid' | 'hidingPlaces'>,
): HidingPlace[] {
  try {
    const places = withPinnedProcess(host, pid, tid, (process) =>
      hidingPlaces.flatMap((find) => placeAt(host, process, tid, find) ?? []),
    );
    return places ?? [];
  } catch (error) {
    // EINVAL: a thread, which a kernel before 6.9 does not pin.
    if (isGone(error) || isRefused(error) || isKernelError(error, 'EINVAL')) return [];
    throw error;
  }
}

function placeAt(
  host: Host,
  { pid, stat, directory }: PinnedProcess,
  tid: number | null,
  { fd, type, inode }: HidingPlaceFind,
): HidingPlace | null {
  const slot: Slot = { pid, startTime: stat.startTime, tid, fd };
  const task = tid === null ? directory : `${directory}/task/${tid}`;
  try {
    const link = host.linux.readLink(`${task}/fd/${fd}`);
    switch (type) {
      case 'socket': {
        if (link !== `socket:[${inode}]`) return null;
        const queues = host.linux.readFdsInFlight(task, fd);
        const kind = 'DESCRIPTOR_IN_FLIGHT';
        return queues === 0 ? null : { ...slot, kind, queues, key: String(inode) };
      }
      case 'anonymous': {
        if (link !== 'anon_inode:[io_uring]') return null;
        const queues = host.linux.readRegisteredFiles(task, fd).filter(isTunNode).length;
        return queues === 0 ? null : { ...slot, kind: 'IO_URING', queues, key: slotKey(slot) };
      }
      case 'vhost-net':
        return { ...slot, kind: 'VHOST_NET', queues: 1, key: slotKey(slot) };
    }
  } catch (error) {
    if (isGone(error) || isRefused(error)) return null;
    throw error;
  }
}

/** The path is all that the kernel shows of a registered file, and may be that of a deleted node. */
function isTunNode(path: string): boolean {
  return /(?:^|\/)tun(?:(?:\\040| )\(deleted\))?$/.test(path);
}
