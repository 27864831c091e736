/**
 * Changes of links in network namespaces, as rtnetlink(7) tells them: one socket in our own namespace
 * that listens to all namespaces which have an id there (NETLINK_LISTEN_ALL_NSID, since 4.2). A socket in
 * each namespace would tell the same, but keep a namespace alive that is deleted meanwhile; an id does not.
 * Source: do_one_broadcast of net/netlink/af_netlink.c, rtnl_net_newid of net/core/net_namespace.c.
 */
import { close } from './descriptor.js';
import { isKernelError, KernelError } from './kernel-error.js';
import { addressOf, checked, lastErrno, libc } from './libc.js';
import {
  parseLinkEvents,
  parseNetnsId,
  RTMGRP_LINK,
  RTNLGRP_NSID,
  type LinkEvent,
} from './link-event.js';
import { socket } from './netns.js';
import { setIntegerOption, setReceiveBuffer } from './socket-option.js';

type Transfer = (fd: number, buffer: bigint, size: number, flags: number) => number;
type Bind = (fd: number, address: bigint, size: number) => number;
type Recvmsg = (fd: number, message: bigint, flags: number) => number;
const sendCall = libc.func('long send(int fd, void *buffer, size_t size, int flags)') as Transfer;
const recvCall = libc.func('long recv(int fd, void *buffer, size_t size, int flags)') as Transfer;
const bindCall = libc.func('int bind(int fd, void *address, unsigned int size)') as Bind;
const recvmsgCall = libc.func('long recvmsg(int fd, void *message, int flags)') as Recvmsg;

const AF_NETLINK = 16;
const SOCK_RAW = 3;
const NETLINK_ROUTE = 0;
const SOL_NETLINK = 270;
const NETLINK_ADD_MEMBERSHIP = 1;
const NETLINK_LISTEN_ALL_NSID = 8;
const MSG_DONTWAIT = 0x40;
const MSG_TRUNC = 0x20;

const RTM_NEWNSID = 88;
const RTM_GETNSID = 90;
const NLM_F_REQUEST = 0x1;
const NLM_F_ACK = 0x4;
const NETNSA_NSID = 1;
const NETNSA_FD = 3;
const NSID_ANY = -1;

/** Room for what a burst of some thousand changes takes before it is read. */
const RECEIVE_BUFFER = 8 * 1024 * 1024;

const received = Buffer.alloc(64 * 1024);
const control = Buffer.alloc(64);
const vector = Buffer.alloc(16);
const message = Buffer.alloc(56);

/** struct msghdr: name, its size, vector, its length, control, its size, flags. */
function prepareMessage(): void {
  // Each time: that the addresses are in `message` would not keep the others from being collected.
  vector.writeBigUInt64LE(addressOf(received), 0);
  vector.writeBigUInt64LE(BigInt(received.length), 8);
  message.writeBigUInt64LE(addressOf(vector), 16);
  message.writeBigUInt64LE(1n, 24);
  message.writeBigUInt64LE(addressOf(control), 32);
  message.writeBigUInt64LE(BigInt(control.length), 40);
}

export class LinkMonitor {
  /** To be waited on. */
  readonly fd: number;
  /** Asks for ids: what is answered must not stand between events. */
  readonly #requests: number;

  /** Whether it can listen to other namespaces than our own: not without CAP_NET_BROADCAST. */
  readonly hearsAll: boolean;

  /** Throws KernelError. */
  constructor() {
    this.fd = socket(AF_NETLINK, SOCK_RAW, NETLINK_ROUTE);
    this.#requests = socket(AF_NETLINK, SOCK_RAW, NETLINK_ROUTE);
    try {
      this.hearsAll = listenToAll(this.fd);
      setReceiveBuffer(this.fd, RECEIVE_BUFFER);
      const address = Buffer.alloc(12);
      address.writeUInt16LE(AF_NETLINK, 0);
      address.writeUInt32LE(RTMGRP_LINK, 8);
      checked('bind', bindCall(this.fd, addressOf(address), address.length));
      setIntegerOption(this.fd, SOL_NETLINK, NETLINK_ADD_MEMBERSHIP, RTNLGRP_NSID);
    } catch (error) {
      this.close();
      throw error;
    }
  }

  /**
   * Listens to the network namespace `netns` too, from now on until it dies. Returns the id that events of
   * it have. Throws KernelError.
   */
  listenTo(netns: number): number {
    const known = this.#idOf(netns);
    if (known !== null) return known;
    try {
      this.#request(RTM_NEWNSID, NLM_F_REQUEST | NLM_F_ACK, netns);
    } catch (error) {
      // Somebody else has just given it one.
      if (!isKernelError(error, 'EEXIST')) throw error;
    }
    const id = this.#idOf(netns);
    if (id === null) throw new KernelError('RTM_GETNSID', 'ENOENT');
    return id;
  }

  /** What has happened since the last call. Throws KernelError: ENOBUFS when some of it was lost. */
  read(): LinkEvent[] {
    const events: LinkEvent[] = [];
    while (true) {
      prepareMessage();
      const got = recvmsgCall(this.fd, addressOf(message), MSG_DONTWAIT);
      if (got < 0) {
        const code = lastErrno();
        if (code === 'EAGAIN') return events;
        throw new KernelError('recvmsg', code);
      }
      if ((message.readInt32LE(48) & MSG_TRUNC) !== 0) throw new KernelError('recvmsg', 'ENOBUFS');
      events.push(...parseLinkEvents(received.subarray(0, got), senderId()));
    }
  }

  close(): void {
    close(this.fd);
    close(this.#requests);
  }

  #idOf(netns: number): number | null {
    return parseNetnsId(this.#request(RTM_GETNSID, NLM_F_REQUEST, netns));
  }

  #request(type: number, flags: number, netns: number): Buffer {
    // struct nlmsghdr, struct rtgenmsg padded to four bytes, two attributes of four bytes each.
    const request = Buffer.alloc(16 + 4 + 8 + 8);
    request.writeUInt32LE(request.length, 0);
    request.writeUInt16LE(type, 4);
    request.writeUInt16LE(flags, 6);
    request.writeUInt16LE(8, 20);
    request.writeUInt16LE(NETNSA_FD, 22);
    request.writeInt32LE(netns, 24);
    request.writeUInt16LE(8, 28);
    request.writeUInt16LE(NETNSA_NSID, 30);
    request.writeInt32LE(NSID_ANY, 32);
    // Only a new id can be wished for.
    const length = type === RTM_NEWNSID ? request.length : 28;
    request.writeUInt32LE(length, 0);
    checked('send', sendCall(this.#requests, addressOf(request), length, 0));
    const got = checked('recv', recvCall(this.#requests, addressOf(received), received.length, 0));
    return received.subarray(0, got);
  }
}

/** False without CAP_NET_BROADCAST. */
function listenToAll(fd: number): boolean {
  try {
    setIntegerOption(fd, SOL_NETLINK, NETLINK_LISTEN_ALL_NSID, 1);
    return true;
  } catch (error) {
    if (isKernelError(error, 'EPERM')) return false;
    throw error;
  }
}

/** Id of the namespace that the message came from; null: our own. */
function senderId(): number | null {
  const size = Number(message.readBigUInt64LE(40));
  // struct cmsghdr: size, level, type; then the id.
  if (size < 20 || control.readInt32LE(8) !== SOL_NETLINK) return null;
  return control.readInt32LE(12) === NETLINK_LISTEN_ALL_NSID ? control.readInt32LE(16) : null;
}
