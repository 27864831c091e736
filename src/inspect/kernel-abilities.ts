/**
 * Which calls this kernel has and lets us make. Each is made so that nothing comes of it, mostly so that it
 * must fail: a kernel that has the call fails in its own way, and one that has not, or a seccomp filter, in
 * another.
 */
import { release } from 'node:os';
import type { Capability } from '../kernel/capability.js';
import { open, O_RDONLY } from '../kernel/descriptor.js';
import { isKernelError } from '../kernel/kernel-error.js';
import type { Ability } from './ability.js';
import type { Host } from './host.js';

export function kernelAbilities(host: Host, effective: ReadonlySet<Capability>): Ability[] {
  return [
    ...processAbilities(host),
    ...tunAbilities(host, effective),
    ...netnsAbilities(host),
    {
      name: '/sys/dev/char',
      purpose: 'the device numbers of the macvtap and ipvtap devices of all network namespaces',
      available: works(() => host.linux.readTapNodes(host.sysRoot, NO_MAJOR)),
      cost: 'holders of macvtap and ipvtap devices match by name and hardware address only',
      remedy: 'mount sysfs at /sys where the probe runs',
    },
  ];
}

/** No driver has it: include/linux/fs.h (CHRDEV_MAJOR_MAX). */
const NO_MAJOR = 511 + 1;

const since = (version: string) =>
  `Linux ${version} or later, and no seccomp filter that refuses it; this is ${release()}`;

function processAbilities({ linux, ownPid }: Host): Ability[] {
  const opens = (openIt: () => number) =>
    works(() => {
      linux.close(openIt());
    });
  const nameOnly =
    'holders match by name only, and those of macvtap and ipvtap devices are not found';
  return [
    {
      name: 'pidfd_open',
      purpose: 'pin a process, so that what is read of it is its own',
      available: opens(() => linux.pidfdOpen(ownPid)),
      cost: nameOnly,
      remedy: since('5.3'),
    },
    {
      name: 'pidfd_getfd',
      purpose: 'copy an open file of another process, to ask it',
      available: works(() => linux.pidfdGetfd(-1, 0), 'EBADF'),
      cost: nameOnly,
      remedy: since('5.6'),
    },
    {
      name: 'PIDFD_THREAD',
      purpose: 'copy an open file of a thread that has a descriptor table of its own',
      available: opens(() => linux.pidfdOpenThread(ownPid)),
      cost: 'holders that are such threads match by name only',
      remedy: since('6.9'),
    },
    {
      name: 'kcmp',
      purpose: 'tell which descriptors share one open file',
      available: works(() => linux.compareOpenFiles(-1, -1), 'EBADF'),
      cost: 'a device with several queues and several descriptors is UNKNOWN, and queues have no id',
      remedy: 'a kernel with CONFIG_KCMP, and a seccomp profile that allows kcmp',
    },
  ];
}

function tunAbilities(host: Host, effective: ReadonlySet<Capability>): Ability[] {
  const { linux } = host;
  const node = openTunNode();
  /** An answer that there is no device to tell of. */
  const tells = (ask: (fd: number) => unknown) =>
    typeof node !== 'number' || works(() => ask(node), 'EBADFD');
  try {
    return [
      {
        name: '/dev/net/tun',
        purpose: 'open files of TUN and TAP devices',
        available: node !== 'ENOENT' && node !== 'ENODEV',
        cost: 'the tun driver is not there, and so no TUN or TAP device is',
        remedy: 'modprobe tun',
      },
      {
        name: 'TUNGETIFF',
        purpose: 'ask an open file for the name of its device',
        available: tells((fd) => linux.tunInterface(fd)),
        cost: 'holders match by the name that /proc tells only, and those of macvtap and ipvtap devices are not found',
        remedy: 'a seccomp profile that allows this ioctl',
      },
      {
        name: 'TUNGETDEVNETNS',
        purpose: 'ask an open file for the network namespace of its device',
        available: tells((fd) => linux.tunDeviceNetns(fd)),
        cost: 'holders match by name only',
        remedy: since('5.2'),
      },
      {
        name: 'SIOCGSKNS',
        purpose: 'ask an open file for the network namespace that it was opened in',
        // Without the capability it is refused as it should be.
        available:
          !effective.has('CAP_NET_ADMIN') ||
          tells((fd) => {
            linux.close(linux.tunOpenedNetns(fd));
          }),
        cost: 'where a holder opened its descriptor is not told, nor are namespaces found that nothing else leads to',
        remedy: 'a seccomp profile that allows this ioctl',
      },
    ];
  } finally {
    if (typeof node === 'number') linux.close(node);
  }
}

function netnsAbilities(host: Host): Ability[] {
  const { linux, procRoot, nsfs } = host;
  return [
    {
      name: 'NETLINK_ROUTE',
      purpose: 'list the devices of a network namespace',
      available: works(() => {
        linux.close(linux.openRouteSocket());
      }),
      cost: 'no device is listed at all',
      remedy: 'allow sockets of the family AF_NETLINK',
    },
    {
      name: 'setns',
      purpose: 'enter other network namespaces',
      available: works(() => linux.inNetns(-1, () => null), 'EBADF'),
      cost: 'devices in other network namespaces are not listed',
      remedy: 'a seccomp profile that allows setns',
    },
    {
      name: 'openat2',
      purpose: 'reach network namespaces that are mounted in other mount namespaces only',
      available: works(
        () => linux.openNetns({ root: `${procRoot}/self/root`, path: '/' }, -1, nsfs),
        'EBADF',
      ),
      cost: 'devices in such namespaces are not listed',
      remedy: since('5.6'),
    },
    {
      name: 'SO_NETNS_COOKIE',
      purpose: 'a name for a network namespace that is never used again',
      available: hasNetnsCookie(host),
      cost: 'resource names use the inode, which another namespace may get later',
      remedy: since('5.14'),
    },
    {
      name: 'ETHTOOL_GCHANNELS',
      purpose: 'the kernel’s own count of the queues of a single-queue device',
      available: host.countsSingleQueue && answersEthtool(host),
      cost: 'a persistent device without a known holder is UNKNOWN',
      remedy: since('6.9'),
    },
  ];
}

/** Whether the call succeeds, or fails with one of these symbolic errnos. */
function works(call: () => unknown, ...errnos: string[]): boolean {
  try {
    call();
    return true;
  } catch (error) {
    if (!isKernelError(error)) throw error;
    return errnos.includes(error.code);
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

function hasNetnsCookie({ linux }: Host): boolean {
  // Where there is no socket to ask through, that is what is missing.
  return askThrough(linux.openRouteSocket, linux, (fd) => linux.netnsCookie(fd) !== null) ?? true;
}

function answersEthtool({ linux }: Host): boolean {
  return askThrough(linux.openEthtoolSocket, linux, linux.answersEthtool) ?? false;
}

/** Null where the socket is refused. */
function askThrough(
  openIt: () => number,
  { close }: Host['linux'],
  ask: (fd: number) => boolean,
): boolean | null {
  let fd: number;
  try {
    fd = openIt();
  } catch (error) {
    if (isKernelError(error)) return null;
    throw error;
  }
  try {
    return ask(fd);
  } finally {
    close(fd);
  }
}
