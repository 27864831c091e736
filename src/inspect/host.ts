/** The host that is looked at: where its /proc is, and what does not change while we run. */
import { release } from 'node:os';
import { nsfsDevice, ownNetnsInode, type NsfsDevice } from '../kernel/netns.js';
import { isKernelError } from '../kernel/kernel-error.js';
import { readCharacterMajors } from '../kernel/proc-devices.js';
import { TUN_MAJOR, TUN_MINOR } from '../kernel/tun.js';
import type { FdTargets } from '../kernel/proc-fd.js';
import { linux, type Linux } from './linux.js';

/** The driver behind a device node. */
export type Driver = 'tun' | 'macvtap' | 'ipvtap';

/** A driver each of whose devices has a node of its own. */
export type TapDriver = Exclude<Driver, 'tun'>;

export interface Host {
  readonly linux: Linux;
  /** Usually `/proc`. */
  readonly procRoot: string;
  /** Usually `/sys`. */
  readonly sysRoot: string;
  /** Inode of the network namespace that tapmap was started in. */
  readonly ownNetns: number;
  /** Inode of the mount namespace that tapmap runs in. */
  readonly ownMountNamespace: number;
  /** Inode of the pid namespace whose numbers /proc shows; null where it is not ours, or not told. */
  readonly ownPidNamespace: number | null;
  /** Device number of namespace files. */
  readonly nsfs: NsfsDevice;
  /** Process whose copies of descriptors are no holders: this one. */
  readonly ownPid: number;
  /** What the finder looks for in descriptor tables, as of now: drivers may be loaded later. */
  readonly targets: () => FdTargets;
  /** The same, as of the last `targets()`. */
  readonly lastTargets: () => FdTargets;
  /** Drivers whose devices can be there, as of the last `targets()`. */
  readonly drivers: () => readonly Driver[];
  /**
   * Whether the kernel counts the queue of a single-queue device. Since 6.9; before, it says 1
   * whether the device is held or not (tun_get_channels of drivers/net/tun.c).
   */
  readonly countsSingleQueue: boolean;
  /** Told of each network namespace other than our own that is entered, with a descriptor of it. */
  readonly enteredNetns: (inode: number, fd: number) => void;
  /** Driver of a device number that the finder found. */
  readonly driverOf: (major: number) => Driver;
  /** Major number of a driver, as of the last `targets()`. */
  readonly majorOf: (driver: TapDriver) => number | undefined;
}

/** This host cannot be looked at. The message is for people. */
export class HostError extends Error {
  override readonly name = 'HostError';
}

/** Throws HostError where tapmap cannot work at all. */
export function thisHost(
  procRoot = '/proc',
  kernel: Linux = linux,
  sysRoot = '/sys',
  enteredNetns: Host['enteredNetns'] = () => undefined,
): Host {
  try {
    return hostAt(procRoot, kernel, sysRoot, enteredNetns);
  } catch (cause) {
    if (!isKernelError(cause)) throw cause;
    const why = `this host cannot be looked at: ${cause.message}`;
    throw new HostError(`${why}; /proc must be mounted, and statx(2) and openat(2) be allowed`, {
      cause,
    });
  }
}

function hostAt(
  procRoot: string,
  kernel: Linux,
  sysRoot: string,
  enteredNetns: Host['enteredNetns'],
): Host {
  const nsfs = nsfsDevice();
  let majors = new Map<TapDriver, number>();
  const lastTargets = (): FdTargets => {
    const macvtap = [...majors.values()];
    return { major: TUN_MAJOR, minor: TUN_MINOR, majors: macvtap, nsfs, hidingPlaces: null };
  };
  return {
    linux: kernel,
    procRoot,
    sysRoot,
    nsfs,
    ownNetns: ownNetnsInode(),
    ownMountNamespace: kernel.statusOfPath('/proc/self/ns/mnt').inode,
    ownPidNamespace: ownPidNamespace(procRoot, kernel),
    ownPid: process.pid,
    targets: () => {
      majors = readMajors(procRoot);
      return lastTargets();
    },
    lastTargets,
    drivers: () => ['tun', ...majors.keys()],
    countsSingleQueue: kernelIsAtLeast(6, 9),
    driverOf: (major) => [...majors].find(([, number]) => number === major)?.[0] ?? 'tun',
    majorOf: (driver) => majors.get(driver),
    enteredNetns,
  };
}

/** A process that has one number only, seen in this /proc, is in the pid namespace that it is of. */
function ownPidNamespace(procRoot: string, kernel: Linux): number | null {
  const self = `${procRoot}/self`;
  try {
    if (kernel.readPidStatus(self).nsPids.length !== 1) return null;
    return kernel.statusOfPath(`${self}/ns/pid`).inode;
  } catch (error) {
    if (isKernelError(error)) return null;
    throw error;
  }
}

function readMajors(procRoot: string): Map<TapDriver, number> {
  const all = readCharacterMajors(procRoot);
  const majors = new Map<TapDriver, number>();
  for (const driver of ['macvtap', 'ipvtap'] as const) {
    const major = all.get(driver);
    if (major !== undefined) majors.set(driver, major);
  }
  return majors;
}

function kernelIsAtLeast(major: number, minor: number): boolean {
  const [ownMajor = 0, ownMinor = 0] = release().split('.').map(Number);
  return ownMajor > major || (ownMajor === major && ownMinor >= minor);
}
