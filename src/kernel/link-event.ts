/**
 * Parses what rtnetlink(7) tells of links and of namespace ids without being asked. Pure. Source:
 * include/uapi/linux/rtnetlink.h, include/uapi/linux/net_namespace.h.
 */
import { errnoName, KernelError } from './kernel-error.js';
import { parseLink } from './link-message.js';

export const RTMGRP_LINK = 1;
export const RTNLGRP_NSID = 28;

const NLMSG_ERROR = 2;
const RTM_NEWLINK = 16;
const RTM_DELLINK = 17;
const RTM_NEWNSID = 88;
const RTM_DELNSID = 89;
const NETNSA_NSID = 1;
const HEADER = 16;
const IFINFOMSG = 16;
const RTGENMSG = 4;

/** Of the namespace with this id, or of our own where it is null. */
export type LinkEvent =
  | {
      readonly type: 'link';
      readonly netnsId: number | null;
      readonly ifindex: number;
      /** IFLA_INFO_KIND, such as `tun`; empty for links without one. */
      readonly kind: string;
      readonly deleted: boolean;
    }
  | { readonly type: 'netns-gone'; readonly netnsId: number };

/** What is cut off or malformed ends it without an error. */
export function parseLinkEvents(bytes: Buffer, netnsId: number | null): LinkEvent[] {
  const events: LinkEvent[] = [];
  for (const { type, from, to } of messages(bytes)) {
    if ((type === RTM_NEWLINK || type === RTM_DELLINK) && to - from >= IFINFOMSG) {
      const { ifindex, kind } = parseLink(bytes, from, to);
      events.push({ type: 'link', netnsId, ifindex, kind, deleted: type === RTM_DELLINK });
    } else if (type === RTM_DELNSID) {
      const gone = idAt(bytes, from + RTGENMSG, to);
      if (gone !== null) events.push({ type: 'netns-gone', netnsId: gone });
    }
  }
  return events;
}

/** The id that an answer to RTM_GETNSID tells; null when there is none. Throws KernelError. */
export function parseNetnsId(bytes: Buffer): number | null {
  for (const { type, from, to } of messages(bytes)) {
    if (type === NLMSG_ERROR && to - from >= 4) {
      const errno = -bytes.readInt32LE(from);
      if (errno > 0) throw new KernelError('RTM_GETNSID', errnoName(errno));
    }
    const id = type === RTM_NEWNSID ? idAt(bytes, from + RTGENMSG, to) : null;
    if (id !== null && id >= 0) return id;
  }
  return null;
}

function* messages(bytes: Buffer): Generator<{ type: number; from: number; to: number }> {
  for (let at = 0; at + HEADER <= bytes.length;) {
    const length = bytes.readUInt32LE(at);
    if (length < HEADER || at + length > bytes.length) return;
    yield { type: bytes.readUInt16LE(at + 4), from: at + HEADER, to: at + length };
    at += (length + 3) & ~3;
  }
}

function idAt(bytes: Buffer, start: number, end: number): number | null {
  for (let at = start; at + 8 <= end;) {
    const length = bytes.readUInt16LE(at);
    if (length < 8 || at + length > end) return null;
    if (bytes.readUInt16LE(at + 2) === NETNSA_NSID) return bytes.readInt32LE(at + 4);
    at += (length + 3) & ~3;
  }
  return null;
}
