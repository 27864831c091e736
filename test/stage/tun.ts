// Attaching to TUN and TAP devices as a hypervisor or VPN would: linux/if_tun.h through ioctl(2).
// Every fd given back belongs to the test process, which closes it or hands it to a holder.
import { closeSync, openSync } from 'node:fs';
import { ioctl } from './libc.js';

export const IFF_TUN = 0x0001;
export const IFF_TAP = 0x0002;
export const IFF_MULTI_QUEUE = 0x0100;
const IFF_ATTACH_QUEUE = 0x0200;
export const IFF_DETACH_QUEUE = 0x0400;
export const IFF_PERSIST = 0x0800;
export const IFF_NO_PI = 0x1000;
/** In what TUNGETIFF answers, IFF_NO_PI's bit says that the file has no socket filter. */
export const IFF_NOFILTER = 0x1000;
export const IFF_VNET_HDR = 0x4000;

// _IOW('T', n, int) and _IOR('T', n, unsigned int) of asm-generic/ioctl.h: x86-64, arm64.
const TUNSETIFF = 0x400454ca;
const TUNSETPERSIST = 0x400454cb;
const TUNSETOWNER = 0x400454cc;
const TUNSETGROUP = 0x400454ce;
const TUNGETIFF = 0x800454d2;
const TUNSETQUEUE = 0x400454d9;
const TUNGETDEVNETNS = 0x54e3;
const SIOCGSKNS = 0x894c;

const IFREQ_SIZE = 40;
const IFNAMSIZ = 16;

function ifreq(name: string, flags: number): Buffer {
  if (name.length >= IFNAMSIZ) throw new RangeError(`device name too long: ${name}`);
  const request = Buffer.alloc(IFREQ_SIZE);
  request.write(name, 'latin1');
  request.writeUInt16LE(flags, IFNAMSIZ);
  return request;
}

/** Opens a tun device node without attaching; closed by an exec. */
export function openTun(node = '/dev/net/tun'): number {
  return openSync(node, 'r+');
}

/** TUNSETIFF: attaches `fd` to the device called `name`, making it if there is none. */
export function attach(fd: number, name: string, flags: number): void {
  ioctl('TUNSETIFF', fd, TUNSETIFF, ifreq(name, flags));
}

/** Opens a node and attaches: one new queue of `name`. Nothing stays open if that fails. */
export function openQueue(name: string, flags = IFF_TAP | IFF_NO_PI, node?: string): number {
  const fd = openTun(node);
  try {
    attach(fd, name, flags);
    return fd;
  } catch (error) {
    closeSync(fd);
    throw error;
  }
}

/** TUNSETQUEUE: takes an attached queue of a multi-queue device out of use, or puts it back. */
export function setQueue(fd: number, state: 'attach' | 'detach'): void {
  const flag = state === 'attach' ? IFF_ATTACH_QUEUE : IFF_DETACH_QUEUE;
  ioctl('TUNSETQUEUE', fd, TUNSETQUEUE, ifreq('', flag));
}

/** TUNSETPERSIST: whether the device outlives its last queue. */
export function setPersist(fd: number, persist: boolean): void {
  ioctl('TUNSETPERSIST', fd, TUNSETPERSIST, persist ? 1 : 0);
}

/** TUNSETOWNER: the user who may attach without CAP_NET_ADMIN. */
export function setOwner(fd: number, uid: number): void {
  ioctl('TUNSETOWNER', fd, TUNSETOWNER, uid);
}

/** TUNSETGROUP: the group that may attach without CAP_NET_ADMIN. */
export function setGroup(fd: number, gid: number): void {
  ioctl('TUNSETGROUP', fd, TUNSETGROUP, gid);
}

/** TUNGETIFF: the name and flags of the device that `fd` is attached to. */
export function attachedTo(fd: number): { name: string; flags: number } {
  const reply = ifreq('', 0);
  ioctl('TUNGETIFF', fd, TUNGETIFF, reply);
  const end = reply.indexOf(0);
  return {
    name: reply.toString('latin1', 0, Math.min(end, IFNAMSIZ)),
    flags: reply.readUInt16LE(IFNAMSIZ),
  };
}

/** TUNGETDEVNETNS: a new fd of the netns in which the device of `fd` is now. */
export function deviceNetns(fd: number): number {
  return ioctl('TUNGETDEVNETNS', fd, TUNGETDEVNETNS, 0);
}

/** SIOCGSKNS: a new fd of the netns in which `fd` was opened. */
export function openedNetns(fd: number): number {
  return ioctl('SIOCGSKNS', fd, SIOCGSKNS, 0);
}
