/**
 * Asks the open files again, after their devices were looked up: a name stands for a device only as
 * long as it is that device's. A device that was renamed, moved or deleted since is not confirmed,
 * and neither is one that another took the name of.
 */
import { isKernelError } from '../kernel/kernel-error.js';
import type { Attachment } from './attachment.js';
import type { Host } from './host.js';
import { isGone, isRefused } from './kernel-answers.js';
import { withPinnedProcess } from './pinned-process.js';
import type { Placement } from './place.js';

/** What is not confirmed comes to `unplaced`. */
export function confirm(host: Host, { devices, unplaced }: Placement): Placement {
  const asked = devices.flatMap(({ proven }) => proven);
  const confirmed = new Set<Attachment>();
  for (const table of byTable(asked)) {
    for (const attachment of stillAttached(host, table)) confirmed.add(attachment);
  }
  return {
    devices: devices.map((device) =>
      device.proven.every((attachment) => confirmed.has(attachment))
        ? device
        : { ...device, proven: device.proven.filter((attachment) => confirmed.has(attachment)) },
    ),
    unplaced: [...unplaced, ...asked.filter((attachment) => !confirmed.has(attachment))],
  };
}

/** Descriptors of one table stand together, so that each process is pinned once. */
function byTable(attachments: readonly Attachment[]): Attachment[][] {
  const tables = new Map<number, Attachment[]>();
  for (const attachment of attachments) {
    const id = attachment.tid ?? attachment.pid;
    const table = tables.get(id);
    if (table === undefined) tables.set(id, [attachment]);
    else table.push(attachment);
  }
  return [...tables.values()];
}

function stillAttached(host: Host, table: readonly Attachment[]): Attachment[] {
  const { pid, tid, startTime } = table[0]!;
  try {
    const found = withPinnedProcess(host, pid, tid, ({ pidfd, stat }) =>
      stat.startTime === startTime
        ? table.filter((attachment) => isStillOn(host, pidfd, attachment))
        : [],
    );
    return found ?? [];
  } catch (error) {
    if (isGone(error) || isRefused(error)) return [];
    throw error;
  }
}

function isStillOn(host: Host, pidfd: number, { fd, name, deviceNetns }: Attachment): boolean {
  const { linux } = host;
  let copy: number;
  try {
    copy = linux.pidfdGetfd(pidfd, fd);
  } catch (error) {
    if (isGone(error)) return false;
    throw error;
  }
  try {
    if (linux.tunInterface(copy).name !== name) return false;
    const netns = linux.tunDeviceNetns(copy);
    try {
      return linux.statusOf(netns).inode === deviceNetns;
    } finally {
      linux.close(netns);
    }
  } catch (error) {
    // No device any more, or another file under this number.
    if (isKernelError(error, 'EBADFD', 'ENOTTY', 'EINVAL')) return false;
    throw error;
  } finally {
    linux.close(copy);
  }
}
