/** What this kernel and these rights allow, what each that is missing costs, and what to do about it. */
import { release } from 'node:os';
import { effectiveCapabilities, type Capability } from '../kernel/capability.js';
import { open, O_RDONLY } from '../kernel/descriptor.js';
import { isKernelError } from '../kernel/kernel-error.js';
import type { Degradation } from '../model/coverage.js';
import type { Host } from './host.js';

/** No driver has it: include/linux/fs.h (CHRDEV_MAJOR_MAX). */
const NO_MAJOR = 511 + 1;

export interface Ability {
  /** A capability, a system call, an ioctl. */
  readonly name: string;
  readonly purpose: string;
  readonly available: boolean;
  /** What cannot be told, or not for sure, without it. */
  readonly cost: string;
  readonly remedy: string;
}

/** Those that are missing, as coverage tells them. */
export function degradations(host: Host): Degradation[] {
  return abilities(host)
    .filter(({ available }) => !available)
    .map(({ name, cost, remedy }) => ({ missing: name, cost, remedy }));
}

export function abilities(host: Host): Ability[] {
  return [...capabilityAbilities(), ...kernelAbilities(host)];
}

const capabilities: Record<Capability, { purpose: string; cost: string }> = {
  CAP_SYS_PTRACE: {
    purpose: 'look at open files of other users’ processes, and copy them',
    cost: 'devices that other users’ processes may hold are UNKNOWN',
  },
  CAP_DAC_READ_SEARCH: {
    purpose: 'read descriptor tables of other users’ processes',
    cost: 'devices that other users’ processes may hold are UNKNOWN',
  },
  CAP_NET_ADMIN: {
    purpose: 'ask an open file for the network namespace of its device',
    cost: 'holders match by name only',
  },
  CAP_SYS_ADMIN: {
    purpose: 'enter other network namespaces',
    cost: 'devices in other network namespaces are not listed',
  },
};

function capabilityAbilities(): Ability[] {
  const effective = effectiveCapabilities();
  return (Object.keys(capabilities) as Capability[]).map((name) => ({
    name,
    ...capabilities[name],
    available: effective.has(name),
    remedy: `start tapmap as root, or give its probe ${name}`,
  }));
}

/** Each call is made so that it must fail: a kernel that has it fails in its own way. */
function kernelAbilities(host: Host): Ability[] {
  const { linux } = host;
  const since = (version: string) => `Linux ${version} or later; this is ${release()}`;
  const tunNode = openTunNode();
  try {
    return [
      {
        name: '/dev/net/tun',
        purpose: 'open files of TUN and TAP devices',
        available: tunNode !== 'ENOENT' && tunNode !== 'ENODEV',
        cost: 'the tun driver is not there, and so no TUN or TAP device is',
        remedy: 'modprobe tun',
      },
      {
        name: 'pidfd_getfd',
        purpose: 'copy an open file of another process, to ask it',
        available: !isRefusedOutright(() => linux.pidfdGetfd(-1, 0)),
        cost: 'holders match by name only',
        remedy: since('5.6'),
      },
      {
        name: 'TUNGETDEVNETNS',
        purpose: 'ask an open file for the network namespace of its device',
        available:
          typeof tunNode !== 'number' || answersEbadfd(() => linux.tunDeviceNetns(tunNode)),
        cost: 'holders match by name only',
        remedy: since('5.2'),
      },
      {
        name: 'ETHTOOL_GCHANNELS',
        purpose: 'the kernel’s own count of the queues of a single-queue device',
        available: host.countsSingleQueue,
        cost: 'a persistent device without a known holder is UNKNOWN',
        remedy: since('6.9'),
      },
      {
        name: 'SO_NETNS_COOKIE',
        purpose: 'a name for a network namespace that is never used again',
        available: hasNetnsCookie(host),
        cost: 'resource names use the inode, which another namespace may get later',
        remedy: since('5.14'),
      },
      {
        name: '/sys/dev/char',
        purpose: 'the device numbers of the macvtap and ipvtap devices of all network namespaces',
        available: canRead(() => linux.readTapNodes(host.sysRoot, NO_MAJOR)),
        cost: 'holders of macvtap and ipvtap devices match by name and hardware address only',
        remedy: 'mount sysfs at /sys where the probe runs',
      },
      {
        name: 'kcmp',
        purpose: 'tell which descriptors share one open file',
        available: !isRefusedOutright(() => linux.compareOpenFiles(-1, -1)),
        cost: 'descriptors that share one open file count as separate queues',
        remedy: 'a kernel with CONFIG_KCMP, and a seccomp profile that allows kcmp',
      },
    ];
  } finally {
    if (typeof tunNode === 'number') linux.close(tunNode);
  }
}

/** A descriptor that is attached to nothing, or the symbolic errno. */
function openTunNode(): number | string {
  try {
    return open('/dev/net/tun', O_RDONLY);
  } catch (error) {
    if (isKernelError(error)) return error.code;
    throw error;
  }
}

function isRefusedOutright(call: () => unknown): boolean {
  try {
    call();
    return false;
  } catch (error) {
    return isKernelError(error, 'ENOSYS', 'EPERM');
  }
}

function canRead(read: () => unknown): boolean {
  try {
    read();
    return true;
  } catch (error) {
    if (isKernelError(error)) return false;
    throw error;
  }
}

/** The ioctl is known, and there is no device to tell of. */
function answersEbadfd(call: () => unknown): boolean {
  try {
    call();
    return true;
  } catch (error) {
    return isKernelError(error, 'EBADFD');
  }
}

function hasNetnsCookie({ linux }: Host): boolean {
  const route = linux.openRouteSocket();
  try {
    return linux.netnsCookie(route) !== null;
  } finally {
    linux.close(route);
  }
}
