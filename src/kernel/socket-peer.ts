/** Who connected to a unix socket: SO_PEERCRED, SO_PEERGROUPS, unix(7); net/core/sock.c. */
import { isKernelError } from './kernel-error.js';
import { addressOf, checked } from './libc.js';
import { getsockopt, SOL_SOCKET } from './socket-option.js';

const SO_PEERCRED = 17;
const SO_PEERGROUPS = 59;

/** struct ucred, as of connect(2). */
export interface PeerCredentials {
  /** In our pid namespace; 0 when it is not in there. */
  readonly pid: number;
  /** Effective ids, in our user namespace. */
  readonly uid: number;
  readonly gid: number;
}

/** Throws KernelError. */
export function peerCredentials(fd: number): PeerCredentials {
  const value = option(fd, SO_PEERCRED, 12);
  return { pid: value.readInt32LE(0), uid: value.readUInt32LE(4), gid: value.readUInt32LE(8) };
}

/** Supplementary groups; Linux 4.13. Throws KernelError. */
export function peerGroups(fd: number): number[] {
  let value: Buffer;
  try {
    value = option(fd, SO_PEERGROUPS, 4 * 64);
  } catch (error) {
    // Of this option alone the kernel says so, when there is too little room.
    if (!isKernelError(error, 'ERANGE')) throw error;
    value = option(fd, SO_PEERGROUPS, 4 * NGROUPS_MAX);
  }
  return Array.from({ length: value.length / 4 }, (_, i) => value.readUInt32LE(4 * i));
}

/** See include/uapi/linux/limits.h. */
const NGROUPS_MAX = 65_536;

function option(fd: number, name: number, room: number): Buffer {
  const value = Buffer.alloc(room);
  const size = Buffer.alloc(4);
  size.writeUInt32LE(room);
  checked('getsockopt', getsockopt(fd, SOL_SOCKET, name, addressOf(value), addressOf(size)));
  return value.subarray(0, size.readUInt32LE());
}
