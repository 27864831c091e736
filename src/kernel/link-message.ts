/**
 * Parses rtnetlink link messages. Pure: bytes in, links out. Source: include/uapi/linux/if_link.h,
 * include/uapi/linux/if_tun.h, net/core/rtnetlink.c, drivers/net/tun.c (tun_fill_info).
 */
import { errnoName } from './kernel-error.js';
import { formatHardwareAddress } from './tun.js';

/** A link as its network namespace tells it. */
export interface Link {
  readonly ifindex: number;
  /** Its bytes, one character (latin1) each: the kernel takes names that are no UTF-8. */
  readonly name: string;
  /** IFLA_INFO_KIND, such as `tun`; empty for links without one. */
  readonly kind: string;
  readonly up: boolean;
  /** Bytes. */
  readonly mtu: number;
  /** Six hex pairs with colons, or empty. */
  readonly hardwareAddress: string;
  /** Index of the device that it is enslaved to, or null. */
  readonly master: number | null;
  readonly alias: string;
  readonly statistics: LinkStatistics | null;
  /** IFLA_INFO_DATA of a tun link. */
  readonly tun: TunAttributes | null;
}

/** The part of struct rtnl_link_stats64 that is of use here. */
interface LinkStatistics {
  readonly rxPackets: number;
  readonly txPackets: number;
  readonly rxBytes: number;
  readonly txBytes: number;
  readonly rxErrors: number;
  readonly txErrors: number;
  readonly rxDropped: number;
  readonly txDropped: number;
}

interface TunAttributes {
  readonly tap: boolean;
  readonly packetInfo: boolean;
  readonly vnetHdr: boolean;
  readonly persistent: boolean;
  readonly multiQueue: boolean;
  readonly owner: number | null;
  readonly group: number | null;
  /** Attached enabled queues; the kernel tells it of multi-queue devices only. */
  readonly queues: number | null;
  /** Attached detached queues; likewise. */
  readonly disabledQueues: number | null;
}

export interface LinkMessages {
  readonly links: Link[];
  /** The dump is over. */
  readonly done: boolean;
  /** NLM_F_DUMP_INTR: something changed meanwhile, and links may be missing or doubled. */
  readonly interrupted: boolean;
  /** Symbolic errno of an error message, or null. */
  readonly error: string | null;
}

const NLMSG_ERROR = 2;
const NLMSG_DONE = 3;
const RTM_NEWLINK = 16;
const NLM_F_DUMP_INTR = 0x10;
const HEADER = 16;
const IFINFOMSG = 16;
const IFF_UP = 0x1;

const IFLA_ADDRESS = 1;
const IFLA_IFNAME = 3;
const IFLA_MTU = 4;
const IFLA_MASTER = 10;
const IFLA_LINKINFO = 18;
const IFLA_IFALIAS = 20;
const IFLA_STATS64 = 23;
const IFLA_INFO_KIND = 1;
const IFLA_INFO_DATA = 2;
const NLA_TYPE_MASK = 0x3fff;

const IFLA_TUN_OWNER = 1;
const IFLA_TUN_GROUP = 2;
const IFLA_TUN_TYPE = 3;
const IFLA_TUN_PI = 4;
const IFLA_TUN_VNET_HDR = 5;
const IFLA_TUN_PERSIST = 6;
const IFLA_TUN_MULTI_QUEUE = 7;
const IFLA_TUN_NUM_QUEUES = 8;
const IFLA_TUN_NUM_DISABLED_QUEUES = 9;
const IFF_TAP = 2;

/** Parses one datagram. What is cut off or malformed ends it without an error. */
export function parseLinkMessages(bytes: Buffer): LinkMessages {
  const links: Link[] = [];
  let done = false;
  let interrupted = false;
  let error: string | null = null;
  for (let at = 0; at + HEADER <= bytes.length;) {
    const length = bytes.readUInt32LE(at);
    if (length < HEADER || at + length > bytes.length) break;
    const type = bytes.readUInt16LE(at + 4);
    interrupted ||= (bytes.readUInt16LE(at + 6) & NLM_F_DUMP_INTR) !== 0;
    if (type === NLMSG_DONE || type === NLMSG_ERROR) {
      // Both have the errno: a dump that fails midway ends with DONE (netlink_dump_done).
      const errno = length >= HEADER + 4 ? -bytes.readInt32LE(at + HEADER) : 0;
      if (errno > 0) error = errnoName(errno);
      done = true;
    } else if (type === RTM_NEWLINK && length >= HEADER + IFINFOMSG) {
      links.push(parseLink(bytes, at + HEADER, at + length));
    }
    at += (length + 3) & ~3;
  }
  return { links, done, interrupted, error };
}

/** Length of the attribute at an offset, its header included; 0 when there is no whole one before `end`. */
function attributeLength(bytes: Buffer, at: number, end: number): number {
  if (at + 4 > end) return 0;
  const length = bytes.readUInt16LE(at);
  return length < 4 || at + length > end ? 0 : length;
}

function attributeType(bytes: Buffer, at: number): number {
  return bytes.readUInt16LE(at + 2) & NLA_TYPE_MASK;
}

/** The next attribute begins at a multiple of 4. */
function aligned(length: number): number {
  return (length + 3) & ~3;
}

/** Text up to the terminating NUL. */
function textAt(
  bytes: Buffer,
  from: number,
  to: number,
  encoding: 'utf8' | 'latin1' = 'utf8',
): string {
  const end = bytes.indexOf(0, from);
  return bytes.toString(encoding, from, end === -1 || end > to ? to : end);
}

/** A link of struct ifinfomsg and its attributes, between two offsets. */
export function parseLink(bytes: Buffer, start: number, end: number): Link {
  const ifindex = bytes.readInt32LE(start + 4);
  const up = (bytes.readUInt32LE(start + 8) & IFF_UP) !== 0;
  let name = '';
  let kind = '';
  let mtu = 0;
  let hardwareAddress = '';
  let master: number | null = null;
  let alias = '';
  let statistics: LinkStatistics | null = null;
  let tun: TunAttributes | null = null;
  for (let at = start + IFINFOMSG, length; (length = attributeLength(bytes, at, end)) > 0;) {
    const from = at + 4;
    const to = at + length;
    const size = length - 4;
    switch (attributeType(bytes, at)) {
      case IFLA_IFNAME:
        name = textAt(bytes, from, to, 'latin1');
        break;
      case IFLA_MTU:
        if (size >= 4) mtu = bytes.readUInt32LE(from);
        break;
      case IFLA_ADDRESS:
        hardwareAddress = formatHardwareAddress(bytes.subarray(from, to));
        break;
      case IFLA_MASTER:
        if (size >= 4) master = bytes.readUInt32LE(from);
        break;
      case IFLA_IFALIAS:
        alias = textAt(bytes, from, to);
        break;
      case IFLA_STATS64:
        if (size >= 64) statistics = parseStatistics(bytes, from);
        break;
      case IFLA_LINKINFO:
        kind = parseKind(bytes, from, to);
        tun = kind === 'tun' ? parseTun(bytes, from, to) : null;
        break;
    }
    at += aligned(length);
  }
  return { ifindex, name, kind, up, mtu, hardwareAddress, master, alias, statistics, tun };
}

/** IFLA_INFO_KIND of an IFLA_LINKINFO. */
function parseKind(bytes: Buffer, start: number, end: number): string {
  let kind = '';
  for (let at = start, length; (length = attributeLength(bytes, at, end)) > 0;) {
    if (attributeType(bytes, at) === IFLA_INFO_KIND) kind = textAt(bytes, at + 4, at + length);
    at += aligned(length);
  }
  return kind;
}

/** The largest number below 2^64: counters that have run below zero are no larger than what is told. */
const COUNTER_MAX = 2 ** 64 - 2 ** 11;

function parseStatistics(bytes: Buffer, at: number): LinkStatistics {
  return {
    rxPackets: counterAt(bytes, at),
    txPackets: counterAt(bytes, at + 8),
    rxBytes: counterAt(bytes, at + 16),
    txBytes: counterAt(bytes, at + 24),
    rxErrors: counterAt(bytes, at + 32),
    txErrors: counterAt(bytes, at + 40),
    rxDropped: counterAt(bytes, at + 48),
    txDropped: counterAt(bytes, at + 56),
  };
}

function counterAt(bytes: Buffer, at: number): number {
  return Math.min(bytes.readUInt32LE(at) + bytes.readUInt32LE(at + 4) * 2 ** 32, COUNTER_MAX);
}

/** IFLA_INFO_DATA of an IFLA_LINKINFO; null when there is none. */
function parseTun(bytes: Buffer, start: number, end: number): TunAttributes | null {
  let tun: TunAttributes | null = null;
  for (let at = start, length; (length = attributeLength(bytes, at, end)) > 0;) {
    if (attributeType(bytes, at) === IFLA_INFO_DATA) tun = parseTunData(bytes, at + 4, at + length);
    at += aligned(length);
  }
  return tun;
}

function parseTunData(bytes: Buffer, start: number, end: number): TunAttributes {
  let type = 0;
  let packetInfo = false;
  let vnetHdr = false;
  let persistent = false;
  let multiQueue = false;
  let owner: number | null = null;
  let group: number | null = null;
  let queues: number | null = null;
  let disabledQueues: number | null = null;
  for (let at = start, length; (length = attributeLength(bytes, at, end)) > 0;) {
    const byte = length >= 5 ? bytes.readUInt8(at + 4) : 0;
    const word = length >= 8 ? bytes.readUInt32LE(at + 4) : null;
    switch (attributeType(bytes, at)) {
      case IFLA_TUN_TYPE:
        type = byte;
        break;
      case IFLA_TUN_PI:
        packetInfo = byte === 1;
        break;
      case IFLA_TUN_VNET_HDR:
        vnetHdr = byte === 1;
        break;
      case IFLA_TUN_PERSIST:
        persistent = byte === 1;
        break;
      case IFLA_TUN_MULTI_QUEUE:
        multiQueue = byte === 1;
        break;
      case IFLA_TUN_OWNER:
        owner = word;
        break;
      case IFLA_TUN_GROUP:
        group = word;
        break;
      case IFLA_TUN_NUM_QUEUES:
        queues = word;
        break;
      case IFLA_TUN_NUM_DISABLED_QUEUES:
        disabledQueues = word;
        break;
    }
    at += aligned(length);
  }
  const tap = type === IFF_TAP;
  return { tap, packetInfo, vnetHdr, persistent, multiQueue, owner, group, queues, disabledQueues };
}
