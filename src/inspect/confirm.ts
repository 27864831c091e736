/**
 * Asks the open files again, after their devices were looked up, or looks the devices up again, after their
 * files were asked: a name stands for a device only as long as it is that device's. A device that was
 * renamed, moved or deleted since is not confirmed, and neither is one that another took the name of.
 */
import { isDeepStrictEqual } from 'node:util';
import type { KernelSight } from '../kernel/bpf-iterators.js';
import { isKernelError } from '../kernel/kernel-error.js';
import { tableSlot, type Attachment } from './attachment.js';
import type { Finds } from './finds.js';
import type { Host } from './host.js';
import { isGone, isRefused } from './kernel-answers.js';
import { withPinnedProcess } from './pinned-process.js';
import type { PlacedDevice, Placement } from './place.js';
import type { RouteSockets } from './route-sockets.js';
import { nodesOfName, readTapNodes, type TapNodes } from './tap-nodes.js';

/** Whether there are files that only the finder can tell of: then it has to look a second time. */
export function needsFinder({ devices }: Placement): boolean {
  return devices.some(({ proven }) => proven.some(({ evidence }) => evidence === 'BPF'));
}

/**
 * What is not confirmed comes to `unplaced`. `tapNodes` are those that devices of macvtap and ipvtap
 * files were told by; `again` is what the finder found since, where that is needed; `sockets` are of the
 * namespaces whose tun devices were listed before any file was asked.
 */
export function confirm(
  host: Host,
  placement: Placement,
  tapNodes: TapNodes,
  again: Finds | null,
  sockets: RouteSockets | null = null,
): Placement {
  const { devices, unplaced } = placement;
  const asked = devices.flatMap(({ proven }) => proven);
  const confirmed = new Set<Attachment>();
  const [toAsk, toSee]: [Attachment[], Attachment[]] = [[], []];
  for (const device of devices) {
    if (device.proven.length === 0) continue;
    const isStillThere = sockets === null ? undefined : isStillNamed(device, sockets);
    if (isStillThere === false) continue;
    for (const attachment of device.proven) {
      // The finder was at work while devices were listed: it has to see the same after that in any case.
      if (attachment.evidence === 'BPF') toSee.push(attachment);
      else if (isStillThere === undefined) toAsk.push(attachment);
      else confirmed.add(attachment);
    }
  }
  for (const table of byTable(toAsk)) {
    for (const attachment of stillAttached(host, table)) confirmed.add(attachment);
  }
  const changed = changedNodes(host, [...confirmed], tapNodes);
  for (const attachment of changed) confirmed.delete(attachment);
  for (const attachment of seenAgain(toSee, again)) confirmed.add(attachment);
  return {
    ...placement,
    devices: devices.map((device) =>
      device.proven.every((attachment) => confirmed.has(attachment))
        ? device
        : { ...device, proven: device.proven.filter((attachment) => confirmed.has(attachment)) },
    ),
    unplaced: [...unplaced, ...asked.filter((attachment) => !confirmed.has(attachment))],
  };
}

/**
 * Whether a tun device still has its index and name in the namespace in which it was listed; undefined
 * where it was listed after its files were asked. What a file says of its device in between is true then.
 */
function isStillNamed({ device, netns }: PlacedDevice, sockets: RouteSockets): boolean | undefined {
  if (device.driver !== 'tun') return undefined;
  const name = sockets.nameOf(netns.inode, device.link.ifindex);
  return name === undefined ? undefined : name === device.link.name;
}

/** Those of which the kernel's structures say the same as before. */
function seenAgain(attachments: readonly Attachment[], again: Finds | null): Attachment[] {
  const sights = new Map<string, KernelSight | undefined>();
  for (const { pid, tid, devices } of again?.tables ?? []) {
    for (const { fd, sight } of devices) sights.set(tableSlot({ pid, tid, fd }), sight);
  }
  return attachments.filter((attachment) =>
    isDeepStrictEqual(sights.get(tableSlot(attachment)), attachment.sight),
  );
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

function isStillOn(host: Host, pidfd: number, attachment: Attachment): boolean {
  const { linux } = host;
  let copy: number;
  try {
    copy = linux.pidfdGetfd(pidfd, attachment.fd);
  } catch (error) {
    if (isGone(error)) return false;
    throw error;
  }
  try {
    if (linux.tunInterface(copy).name !== attachment.name) return false;
    return attachment.driver === 'tun'
      ? isDeviceIn(host, copy, attachment.deviceNetns)
      : isOfNode(host, copy, attachment) &&
          (attachment.hardwareAddress === null ||
            linux.tunHardwareAddress(copy) === attachment.hardwareAddress);
  } catch (error) {
    // No device any more, or another file under this number.
    if (isKernelError(error, 'EBADFD', 'ENOLINK', 'ENOTTY', 'EINVAL')) return false;
    throw error;
  } finally {
    linux.close(copy);
  }
}

function isDeviceIn(host: Host, copy: number, inode: number | null): boolean {
  const { linux } = host;
  const netns = linux.tunDeviceNetns(copy);
  try {
    return linux.statusOf(netns).inode === inode;
  } finally {
    linux.close(netns);
  }
}

function isOfNode(host: Host, copy: number, { driver, nodeMinor }: Attachment): boolean {
  const { rdevMajor, rdevMinor } = host.linux.statusOf(copy);
  return host.driverOf(rdevMajor) === driver && rdevMinor === nodeMinor;
}

/** Those whose name stands for other nodes by now: a device came, went, moved or was renamed. */
function changedNodes(
  host: Host,
  attachments: readonly Attachment[],
  before: TapNodes,
): Attachment[] {
  const now = readTapNodes(host, attachments);
  const nodesIn = (nodes: TapNodes, attachment: Attachment) =>
    JSON.stringify(nodesOfName(nodes, attachment));
  return attachments.filter(
    (attachment) => nodesIn(now, attachment) !== nodesIn(before, attachment),
  );
}
