/**
 * What an open file of /dev/net/tun, macvtap or ipvtap tells of itself. Source:
 * include/uapi/linux/if_tun.h, drivers/net/tun.c, drivers/net/tap.c.
 */
import { addressOf, checked, libc } from './libc.js';

type Ioctl = (fd: number, request: number, argument: bigint) => number;
type IoctlValue = (fd: number, request: number, argument: number) => number;
const ioctl = libc.func('int ioctl(int fd, ulong request, void *argument)') as Ioctl;
const ioctlValue = libc.func('int ioctl(int fd, ulong request, long argument)') as IoctlValue;

// _IOR('T', 210, unsigned int) and _IO('T', 227); the encoding of _IOC is the same on x86-64 and
// arm64 (include/uapi/asm-generic/ioctl.h).
const TUNGETIFF = 0x800454d2;
const TUNGETDEVNETNS = 0x54e3;
// include/uapi/linux/sockios.h
const SIOCGSKNS = 0x894c;
const SIOCGIFHWADDR = 0x8927;

/** Device number of /dev/net/tun: MISC_MAJOR, TUN_MINOR of include/linux/miscdevice.h. */
export const TUN_MAJOR = 10;
export const TUN_MINOR = 200;

const IFF_TAP = 0x0002;
const IFF_DETACH_QUEUE = 0x0400;

const IFNAMSIZ = 16;
const ifreq = Buffer.alloc(40);
const ifreqAddress = addressOf(ifreq);

export interface TunInterface {
  /** Its bytes, one character (latin1) each. */
  readonly name: string;
  /** Layer 2 (IFF_TAP) rather than layer 3. */
  readonly tap: boolean;
  /** The queue of this file is detached (IFF_DETACH_QUEUE). */
  readonly detached: boolean;
}

/**
 * The interface that the open file is attached to (TUNGETIFF). Throws KernelError: EBADFD when
 * attached to none, or when the device was deleted; ENOLINK likewise for macvtap.
 */
export function tunInterface(fd: number): TunInterface {
  checked('TUNGETIFF', ioctl(fd, TUNGETIFF, ifreqAddress));
  const end = ifreq.indexOf(0);
  const flags = ifreq.readUInt16LE(IFNAMSIZ);
  return {
    name: ifreq.toString('latin1', 0, Math.min(end, IFNAMSIZ)),
    tap: (flags & IFF_TAP) !== 0,
    detached: (flags & IFF_DETACH_QUEUE) !== 0,
  };
}

/**
 * A descriptor of the network namespace that the device is in now (TUNGETDEVNETNS, since 5.2). Throws
 * KernelError: EPERM without CAP_NET_ADMIN over that namespace, EBADFD when not attached, EINVAL for
 * macvtap and on older kernels.
 */
export function tunDeviceNetns(fd: number): number {
  return checked('TUNGETDEVNETNS', ioctlValue(fd, TUNGETDEVNETNS, 0));
}

/**
 * A descriptor of the network namespace in which the file was opened (SIOCGSKNS). Throws KernelError:
 * EPERM without CAP_NET_ADMIN over that namespace, EINVAL for macvtap.
 */
export function tunOpenedNetns(fd: number): number {
  return checked('SIOCGSKNS', ioctlValue(fd, SIOCGSKNS, 0));
}

const SOCKADDR_DATA = IFNAMSIZ + 2;
const ETHERNET_ALEN = 6;

/** Link-layer address of the attached device: six hex pairs with colons. Throws KernelError. */
export function tunHardwareAddress(fd: number): string {
  checked('SIOCGIFHWADDR', ioctl(fd, SIOCGIFHWADDR, ifreqAddress));
  return formatHardwareAddress(ifreq.subarray(SOCKADDR_DATA, SOCKADDR_DATA + ETHERNET_ALEN));
}

const PAIRS = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, '0'));

export function formatHardwareAddress(bytes: Buffer): string {
  let text = '';
  for (const byte of bytes) text += text === '' ? PAIRS[byte]! : `:${PAIRS[byte]!}`;
  return text;
}
