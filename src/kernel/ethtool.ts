/** ETHTOOL_GCHANNELS: how many queues of a device are attached. Source: include/uapi/linux/ethtool.h. */
import { isKernelError, type KernelError } from './kernel-error.js';
import { addressOf, checked, libc } from './libc.js';
import { socket } from './netns.js';

type Ioctl = (fd: number, request: number, argument: bigint) => number;
const ioctl = libc.func('int ioctl(int fd, ulong request, void *argument)') as Ioctl;

const AF_INET = 2;
const SOCK_DGRAM = 2;
const SIOCETHTOOL = 0x8946;
const ETHTOOL_GCHANNELS = 0x3c;
const ETHTOOL_GLINK = 0x0a;
const IFNAMSIZ = 16;
const COMBINED_COUNT = 32;

// struct ethtool_channels: nine words; struct ifreq: the name and a pointer to them.
const channels = Buffer.alloc(36);
const ifreq = Buffer.alloc(40);
ifreq.writeBigUInt64LE(addressOf(channels), IFNAMSIZ);
const ifreqAddress = addressOf(ifreq);

/**
 * A socket to ask through; it belongs to the network namespace that the thread is in. Throws
 * KernelError: EAFNOSUPPORT where only other families are allowed.
 */
export function openEthtoolSocket(): number {
  return socket(AF_INET, SOCK_DGRAM, 0);
}

/** Whether devices may be asked at all: whether there is a loopback device, and its link is told. */
export function answersEthtool(ethtoolSocket: number): boolean {
  channels.writeUInt32LE(ETHTOOL_GLINK, 0);
  return askFor(ethtoolSocket, 'lo') === null;
}

/**
 * `combined` channels of a device: for tun devices, the queues that are attached and enabled. Null
 * when the driver does not tell, or the kernel does not let anybody ask. `name` is bytes, one character (latin1) each. Needs no privilege.
 * Throws KernelError: ENODEV. Source: tun_get_channels of drivers/net/tun.c, which before 6.9 says 1
 * for every single-queue device, held or not.
 */
export function combinedChannels(ethtoolSocket: number, name: string): number | null {
  channels.fill(0);
  channels.writeUInt32LE(ETHTOOL_GCHANNELS, 0);
  const error = askFor(ethtoolSocket, name);
  if (error?.code === 'ENODEV') throw error;
  return error === null ? channels.readUInt32LE(COMBINED_COUNT) : null;
}

/** What went wrong, or null. */
function askFor(ethtoolSocket: number, name: string): KernelError | null {
  ifreq.fill(0, 0, IFNAMSIZ);
  ifreq.write(name, 0, IFNAMSIZ - 1, 'latin1');
  try {
    checked('SIOCETHTOOL', ioctl(ethtoolSocket, SIOCETHTOOL, ifreqAddress));
    return null;
  } catch (error) {
    if (isKernelError(error)) return error;
    throw error;
  }
}
