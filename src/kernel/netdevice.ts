/** Asks for a network device through a socket of its namespace: netdevice(7). */
import { isKernelError } from './kernel-error.js';
import { addressOf, checked, libc } from './libc.js';

type Ioctl = (fd: number, request: number, argument: number) => number;
// The address as a number, which is exact up to 2^53 and spares a BigInt for each device.
const ioctl = libc.func('int ioctl(int fd, ulong request, long argument)') as Ioctl;

// include/uapi/linux/sockios.h
const SIOCGIFNAME = 0x8910;

const IFNAMSIZ = 16;
const ifreq = Buffer.alloc(40);
const ifreqAddress = Number(addressOf(ifreq));

/**
 * Name of the device with that index in the network namespace of the socket, which may be of any family:
 * its bytes, one character (latin1) each; null when there is none. Takes no lock and loads no module
 * (dev_ifname of net/core/dev_ioctl.c). Throws KernelError.
 */
export function deviceName(socket: number, ifindex: number): string | null {
  ifreq.writeInt32LE(ifindex, IFNAMSIZ);
  try {
    checked('SIOCGIFNAME', ioctl(socket, SIOCGIFNAME, ifreqAddress));
  } catch (error) {
    if (isKernelError(error, 'ENODEV')) return null;
    throw error;
  }
  const end = ifreq.indexOf(0);
  return ifreq.toString('latin1', 0, Math.min(end, IFNAMSIZ));
}
