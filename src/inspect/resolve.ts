/** Resolves descriptors that were found: asks each open file itself for its device. */
import { isKernelError } from '../kernel/kernel-error.js';
import type { TunInterface } from '../kernel/tun.js';
import type { Attachment, Slot } from './attachment.js';
import type { DeviceFind, TableFinds } from './finds.js';
import type { Driver, Host } from './host.js';
import { isGone, isRefused, isUnanswered } from './kernel-answers.js';
import type { NetnsFiles } from './netns-files.js';
import { isOtherProbe } from './other-probe.js';
import { withPinnedProcess, type PinnedProcess } from './pinned-process.js';
import { readProcess, type ProcessFacts } from './process-facts.js';

/** What the descriptors of one table turned out to be. */
export interface ResolvedTable {
  readonly attachments: Attachment[];
  /** Descriptors that are open but attached to no device. */
  readonly unattached: number;
  /** Symbolic errno when not even the name of a device could be learned, or null. */
  readonly refused: string | null;
  /** Of the process; null when none of its descriptors is attached. */
  readonly process: ProcessFacts | null;
}

const NOTHING: ResolvedTable = { attachments: [], unattached: 0, refused: null, process: null };

/** What the file tells of itself. */
type Told = Omit<Attachment, keyof Slot | 'driver' | 'evidence' | 'sight'>;
type Outcome = Told | 'unattached' | 'gone' | { readonly refused: string };

/** A process that ends meanwhile has no descriptors: nothing is told of it. */
export function resolveTable(host: Host, table: TableFinds, files: NetnsFiles): ResolvedTable {
  try {
    return (
      withPinnedProcess(host, table.pid, table.tid, (process) =>
        resolveIn(host, process, table, files),
      ) ?? NOTHING
    );
  } catch (error) {
    if (isGone(error)) return NOTHING;
    // Neither pidfds nor pidfds of threads: the name is all there is.
    if (isRefused(error) || isKernelError(error, 'EINVAL')) return resolveByName(host, table);
    throw error;
  }
}

function resolveIn(
  host: Host,
  process: PinnedProcess,
  table: TableFinds,
  files: NetnsFiles,
): ResolvedTable {
  if (isOtherProbe(host, process)) return NOTHING;
  return collect(host, process, table, (slot, driver, find) =>
    resolveDescriptor(host, process, slot, driver, find, files),
  );
}

/** Without a pidfd: start time before and after tells whether it was one process all along. */
function resolveByName(host: Host, table: TableFinds): ResolvedTable {
  const { linux, procRoot } = host;
  const directory = `${procRoot}/${table.pid}`;
  try {
    const stat = linux.readPidStat(directory);
    const process = { pid: table.pid, stat, directory };
    const resolved = collect(host, process, table, (slot, _driver, { sight }) =>
      withoutCopy(host, directory, slot, sight),
    );
    return linux.readPidStat(directory).startTime === stat.startTime ? resolved : NOTHING;
  } catch (error) {
    if (isGone(error) || isRefused(error)) return NOTHING;
    throw error;
  }
}

function collect(
  host: Host,
  process: Omit<PinnedProcess, 'pidfd'>,
  table: TableFinds,
  resolve: (slot: Slot, driver: Driver, find: DeviceFind) => Outcome,
): ResolvedTable {
  const attachments: Attachment[] = [];
  let unattached = 0;
  let refused: string | null = null;
  for (const find of table.devices) {
    const { fd, major, sight = null } = find;
    const slot = { pid: process.pid, startTime: process.stat.startTime, tid: table.tid, fd };
    const driver = host.driverOf(major);
    const outcome = resolve(slot, driver, find);
    if (outcome === 'unattached') unattached++;
    else if (outcome === 'gone') continue;
    else if ('refused' in outcome) refused = outcome.refused;
    else attachments.push(attachmentOf(slot, driver, outcome, sight));
  }
  const facts = attachments.length === 0 ? null : readProcess(host, process);
  return { attachments, unattached, refused, process: facts };
}

/** Written out: with thousands of them, putting parts together by spreading costs as much as asking. */
function attachmentOf(
  slot: Slot,
  driver: Driver,
  told: Told,
  sight: Attachment['sight'],
): Attachment {
  return {
    pid: slot.pid,
    startTime: slot.startTime,
    tid: slot.tid,
    fd: slot.fd,
    driver,
    nodeMinor: told.nodeMinor,
    name: told.name,
    tap: told.tap,
    detached: told.detached,
    hardwareAddress: told.hardwareAddress,
    deviceNetns: told.deviceNetns,
    openedNetns: told.openedNetns,
    evidence: told.deviceNetns === null ? 'NAME' : 'IOCTL',
    sight,
  };
}

function resolveDescriptor(
  host: Host,
  process: PinnedProcess,
  slot: Slot,
  driver: Driver,
  find: DeviceFind,
  files: NetnsFiles,
): Outcome {
  const { linux } = host;
  let copy: number;
  try {
    copy = linux.pidfdGetfd(process.pidfd, slot.fd);
  } catch (error) {
    if (isGone(error)) return 'gone';
    if (isRefused(error)) return withoutCopy(host, process.directory, slot, find.sight);
    throw error;
  }
  try {
    const { rdevMajor, rdevMinor } = linux.statusOf(copy);
    // The descriptor was closed and its number given to another file since it was found.
    if (rdevMajor !== find.major || rdevMinor !== find.minor) return 'gone';
    return askOpenFile(host, process, copy, slot, driver, find, files);
  } finally {
    // At once: as long as the copy is open, this process keeps the device alive.
    linux.close(copy);
  }
}

function askOpenFile(
  host: Host,
  { directory }: PinnedProcess,
  copy: number,
  slot: Slot,
  driver: Driver,
  { minor, sight }: DeviceFind,
  files: NetnsFiles,
): Outcome {
  const { linux } = host;
  // Also of a file that is attached to nothing: it may be the only way into its namespace.
  const openedNetns = driver === 'tun' ? netnsOf(files, () => linux.tunOpenedNetns(copy)) : null;
  let told: TunInterface;
  try {
    told = linux.tunInterface(copy);
  } catch (error) {
    if (isUnattached(error)) return 'unattached';
    if (isUnanswered(error)) return withoutCopy(host, directory, slot, sight);
    throw error;
  }
  try {
    if (driver !== 'tun') {
      const { name, detached } = told;
      const hardwareAddress = orNull(() => linux.tunHardwareAddress(copy));
      const deviceNetns = null;
      return {
        nodeMinor: minor,
        name,
        tap: true,
        detached,
        hardwareAddress,
        deviceNetns,
        openedNetns,
      };
    }
    const attached = withNetns(linux, copy, files, told);
    if (attached === null) return 'gone';
    const { deviceNetns } = attached;
    const { name, tap, detached } = attached.told;
    // Of use only to tell devices of one name apart, where the namespace could not be learned.
    const hardwareAddress =
      deviceNetns === null && tap ? orNull(() => linux.tunHardwareAddress(copy)) : null;
    return { nodeMinor: null, name, tap, detached, hardwareAddress, deviceNetns, openedNetns };
  } catch (error) {
    if (isUnattached(error)) return 'unattached';
    throw error;
  }
}

/** A device that is renamed while it is asked for is asked for again, so often. */
const RENAMES = 8;

/**
 * With the namespace in which the device has this name: it may be moved and renamed at once, and in the
 * other namespace another one may have that name. Null when it changes all the time.
 */
function withNetns(
  linux: Host['linux'],
  copy: number,
  files: NetnsFiles,
  first: TunInterface,
): { readonly told: TunInterface; readonly deviceNetns: number | null } | null {
  let before = first;
  for (let attempt = 1; attempt <= RENAMES; attempt++) {
    const deviceNetns = netnsOf(files, () => linux.tunDeviceNetns(copy));
    if (deviceNetns === null) return { told: before, deviceNetns };
    const told = linux.tunInterface(copy);
    if (told.name === before.name) return { told, deviceNetns };
    before = told;
  }
  return null;
}

/** Attached to none, or the device was deleted under it: tun, and macvtap. */
function isUnattached(error: unknown): boolean {
  return isKernelError(error, 'EBADFD', 'ENOLINK');
}

/** Inode of a namespace that the file leads to; null when the kernel does not tell or not us. */
function netnsOf(files: NetnsFiles, ask: () => number): number | null {
  return orNull(() => files.adopt(ask()));
}

function orNull<T>(ask: () => T): T | null {
  try {
    return ask();
  } catch (error) {
    if (isUnanswered(error)) return null;
    throw error;
  }
}

/** What is left where no copy can be asked: what the finder saw of the file, or the name. */
function withoutCopy(
  host: Host,
  directory: string,
  slot: Slot,
  sight: DeviceFind['sight'],
): Outcome {
  // The process may be another one by now, of the same number.
  if (sight?.attachment === undefined || sight.startTime !== slot.startTime) {
    return nameOnly(host, directory, slot);
  }
  if (sight.attachment === null) return 'unattached';
  const { name, tap, detached, openedNetns } = sight.attachment;
  const untold = { nodeMinor: null, hardwareAddress: null, deviceNetns: null };
  return { name, tap, detached, openedNetns, ...untold };
}

function nameOnly(host: Host, directory: string, slot: Slot): Outcome {
  const task = slot.tid === null ? directory : `${directory}/task/${slot.tid}`;
  try {
    const name = host.linux.readFdinfoInterface(task, slot.fd);
    if (name === null) return 'gone';
    if (name === '') return 'unattached';
    const unproven = { tap: null, detached: false, hardwareAddress: null };
    const unknown = { nodeMinor: null, deviceNetns: null, openedNetns: null };
    return { name, ...unproven, ...unknown };
  } catch (error) {
    if (isGone(error)) return 'gone';
    if (isRefused(error) && isKernelError(error)) return { refused: error.code };
    throw error;
  }
}
