/** ETHTOOL_GCHANNELS: how many queues of a device are attached. Source: include/uapi/linux/ethtool.h. */
import { isKernelError } from './kernel-error.js';
import { addressOf, checked, libc } from './libc.js';
import { socket } from './netns.js';

type Ioctl = (fd: number, request: number, argument: bigint) => number;
const ioctl = libc.func('int ioctl(int fd, ulong request, void *argument)') as Ioctl;

const AF_INET = 2;
const SOCK_DGRAM = 2;
const SIOCETHTOOL = 0x8946;
const ETHTOOL_GCHANNELS = 0x3c;
const IFNAMSIZ = 16;
const COMBINED_COUNT = 32;

// struct ethtool_channels: nine words; struct ifreq: the name and a pointer to them.
const channels = Buffer.alloc(36);
const ifreq = Buffer.alloc(40);
ifreq.writeBigUInt64LE(addressOf(channels), IFNAMSIZ);
const ifreqAddress = addressOf(ifreq);

/** A socket to ask through; it belongs to the network namespace that the thread is in. */
export function openEthtoolSocket(): number {
  return socket(AF_INET, SOCK_DGRAM, 0);
}

/**
 * `combined` channels of a device: for tun devices, the queues that are attached and enabled. Null
 * when the driver does not tell. `name` is bytes, one character (latin1) each. Needs no privilege.
 * Throws KernelError: ENODEV. Source: tun_get_channels of drivers/net/tun.c, which before 6.9 says 1
 * for every single-queue device, held or not.
 */
export function combinedChannels(ethtoolSocket: number, name: string): number | null {
  ifreq.fill(0, 0, IFNAMSIZ);
  ifreq.write(name, 0, IFNAMSIZ - 1, 'latin1');
  channels.fill(0);
  channels.writeUInt32LE(ETHTOOL_GCHANNELS, 0);
  try {
    checked('ETHTOOL_GCHANNELS', ioctl(ethtoolSocket, SIOCETHTOOL, ifreqAddress));
  } catch (error) {
    if (isKernelError(error, 'EOPNOTSUPP')) return null;
    throw error;
  }
  return channels.readUInt32LE(COMBINED_COUNT);
}
