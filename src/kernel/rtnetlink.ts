/** Asks one network namespace for its links over NETLINK_ROUTE. See rtnetlink(7). */
import { KernelError } from './kernel-error.js';
import { addressOf, checked, libc } from './libc.js';
import { parseLinkMessages, type Link } from './link-message.js';
import { socket } from './netns.js';

type Transfer = (fd: number, buffer: bigint, size: number, flags: number) => number;
const sendCall = libc.func('long send(int fd, void *buffer, size_t size, int flags)') as Transfer;
const recvCall = libc.func('long recv(int fd, void *buffer, size_t size, int flags)') as Transfer;

const AF_NETLINK = 16;
const SOCK_RAW = 3;
const NETLINK_ROUTE = 0;
const RTM_GETLINK = 18;
const NLM_F_REQUEST = 0x1;
const NLM_F_DUMP = 0x300;
const IFLA_IFNAME = 3;
const IFLA_LINKINFO = 18;
const IFLA_INFO_KIND = 1;
const NLA_F_NESTED = 0x8000;
const HEADER = 16;
const IFINFOMSG = 16;

/** More than the 32 KiB that the kernel puts into one datagram of a dump. */
const receiveBuffer = Buffer.alloc(128 * 1024);
const receiveAddress = addressOf(receiveBuffer);

/**
 * Opens a socket in the network namespace that the thread is in, where it stays. Throws KernelError.
 */
export function openRouteSocket(): number {
  return socket(AF_NETLINK, SOCK_RAW, NETLINK_ROUTE);
}

/** A dump that ran into a change is asked for anew so often. */
const DUMPS = 5;

/**
 * All links of one kind (`tun`, `macvtap`…). The kernel filters; where the driver of the kind is not
 * loaded it does not, and then we do. A namespace that changes all the time never gives a whole dump
 * (NLM_F_DUMP_INTR): then what any of the dumps had is asked for one by one. Throws KernelError.
 */
export function dumpLinks(routeSocket: number, kind: string): Link[] {
  const seen = new Set<number>();
  for (let attempt = 1; attempt <= DUMPS; attempt++) {
    send(routeSocket, linkRequest(NLM_F_REQUEST | NLM_F_DUMP, 0, kind));
    const { links, interrupted } = receiveDump(routeSocket);
    const ofKind = links.filter((link) => link.kind === kind);
    if (!interrupted) return ofKind;
    for (const { ifindex } of ofKind) seen.add(ifindex);
  }
  return [...seen].flatMap((ifindex) => {
    const link = readLinkByIndex(routeSocket, ifindex);
    return link?.kind === kind ? [link] : [];
  });
}

/** One link by its index, or null when there is none. Throws KernelError. */
export function readLinkByIndex(routeSocket: number, ifindex: number): Link | null {
  return readLink(routeSocket, linkRequest(NLM_F_REQUEST, ifindex, null));
}

/**
 * One link by its name, which is bytes, one character (latin1) each; null when there is none. A name that
 * is only another one of the link (IFLA_ALT_IFNAME) does not count. Throws KernelError.
 */
export function readLinkByName(routeSocket: number, name: string): Link | null {
  const link = readLink(routeSocket, linkByNameRequest(name));
  return link?.name === name ? link : null;
}

function linkByNameRequest(name: string): Buffer {
  const length = 4 + Buffer.byteLength(name, 'latin1') + 1;
  const request = Buffer.alloc(HEADER + IFINFOMSG + align(length));
  request.writeUInt32LE(request.length, 0);
  request.writeUInt16LE(RTM_GETLINK, 4);
  request.writeUInt16LE(NLM_F_REQUEST, 6);
  request.writeUInt16LE(length, HEADER + IFINFOMSG);
  request.writeUInt16LE(IFLA_IFNAME, HEADER + IFINFOMSG + 2);
  request.write(name, HEADER + IFINFOMSG + 4, 'latin1');
  return request;
}

function readLink(routeSocket: number, request: Buffer): Link | null {
  send(routeSocket, request);
  const { links, error } = parseLinkMessages(receive(routeSocket));
  if (error === 'ENODEV') return null;
  if (error !== null) throw new KernelError('RTM_GETLINK', error);
  return links[0] ?? null;
}

function linkRequest(flags: number, ifindex: number, kind: string | null): Buffer {
  const kindLength = kind === null ? 0 : 4 + kind.length + 1;
  const infoLength = kind === null ? 0 : 4 + align(kindLength);
  const request = Buffer.alloc(HEADER + IFINFOMSG + infoLength);
  request.writeUInt32LE(request.length, 0);
  request.writeUInt16LE(RTM_GETLINK, 4);
  request.writeUInt16LE(flags, 6);
  request.writeInt32LE(ifindex, HEADER + 4);
  if (kind !== null) {
    const at = HEADER + IFINFOMSG;
    request.writeUInt16LE(infoLength, at);
    request.writeUInt16LE(IFLA_LINKINFO | NLA_F_NESTED, at + 2);
    request.writeUInt16LE(kindLength, at + 4);
    request.writeUInt16LE(IFLA_INFO_KIND, at + 6);
    request.write(kind, at + 8);
  }
  return request;
}

function align(length: number): number {
  return (length + 3) & ~3;
}

function send(routeSocket: number, request: Buffer): void {
  checked('send', sendCall(routeSocket, addressOf(request), request.length, 0));
}

function receive(routeSocket: number): Buffer {
  const got = recvCall(routeSocket, receiveAddress, receiveBuffer.length, 0);
  return receiveBuffer.subarray(0, checked('recv', got));
}

function receiveDump(routeSocket: number): { links: Link[]; interrupted: boolean } {
  const links: Link[] = [];
  let interrupted = false;
  while (true) {
    const part = parseLinkMessages(receive(routeSocket));
    if (part.error !== null) throw new KernelError('RTM_GETLINK', part.error);
    for (const link of part.links) links.push(link);
    interrupted ||= part.interrupted;
    if (part.done) return { links, interrupted };
  }
}
