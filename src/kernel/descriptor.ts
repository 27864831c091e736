/** File descriptors of this process: open, read, ask, close. */
import { constants } from 'node:fs';
import { addressOf, checked, libc, SYS } from './libc.js';

type Open = (path: string, flags: number) => number;
type Close = (fd: number) => number;
type Read = (fd: number, buffer: number, size: number) => number;
type Statx = (
  number: number,
  directory: number,
  path: string | bigint,
  flags: number,
  mask: number,
  buffer: bigint,
) => number;
type Readlink = (path: string, buffer: bigint, size: number) => number;

const openCall = libc.func('int open(const char *path, int flags)') as Open;
const closeCall = libc.func('int close(int fd)') as Close;
// The address as a number, which is exact up to 2^53 and spares a BigInt for each read.
const readCall = libc.func('long read(int fd, long buffer, size_t size)') as Read;
const statxByPath = libc.func(
  'long syscall(long number, long fd, const char *path, long flags, long mask, void *buffer)',
) as Statx;
const readlinkCall = libc.func(
  'long readlink(const char *path, void *buffer, size_t size)',
) as Readlink;

export const O_DIRECTORY = constants.O_DIRECTORY;
export const O_RDONLY = constants.O_RDONLY;
// The same on both architectures; Node does not list them. include/uapi/asm-generic/fcntl.h
export const O_CLOEXEC = 0o2000000;
export const O_PATH = 0o10000000;

const AT_FDCWD = -100;
export const AT_EMPTY_PATH = 0x1000;
const AT_NO_AUTOMOUNT = 0x800;
/** Do not ask a file server: what is cached is enough, and a dead server must not hang us. */
const AT_STATX_DONT_SYNC = 0x4000;
export const STATX_FLAGS_QUIET = AT_NO_AUTOMOUNT | AT_STATX_DONT_SYNC;
const STATX_INO = 0x100;
const STATX_TYPE = 0x1;

/** Opens with O_CLOEXEC. Throws KernelError. */
export function open(path: string, flags: number): number {
  return checked(`open ${path}`, openCall(path, flags | O_CLOEXEC));
}

/** Closes. Linux frees the descriptor whatever close(2) says, so there is nothing to handle. */
export function close(fd: number): void {
  closeCall(fd);
}

/** What struct statx tells of a file. */
export interface FileStatus {
  readonly mode: number;
  readonly inode: number;
  readonly uid: number;
  readonly gid: number;
  readonly links: number;
  readonly rdevMajor: number;
  readonly rdevMinor: number;
  readonly devMajor: number;
  readonly devMinor: number;
}

const S_IFMT = 0o170000;
const S_IFCHR = 0o020000;
const S_IFSOCK = 0o140000;

export function isCharacterDevice(mode: number): boolean {
  return (mode & S_IFMT) === S_IFCHR;
}

export function isSocket(mode: number): boolean {
  return (mode & S_IFMT) === S_IFSOCK;
}

/** A file without a node, such as one of io_uring: fs/anon_inodes.c gives it no file type. */
export function hasNoType(mode: number): boolean {
  return (mode & S_IFMT) === 0;
}

/** struct statx of include/uapi/linux/stat.h, as words. */
export const STATX = {
  size: 256,
  links: 16 / 4,
  uid: 20 / 4,
  gid: 24 / 4,
  /** The low half of this word. */
  mode: 28 / 4,
  inodeLow: 32 / 4,
  inodeHigh: 36 / 4,
  sizeLow: 40 / 4,
  rdevMajor: 128 / 4,
  rdevMinor: 132 / 4,
  devMajor: 136 / 4,
  devMinor: 140 / 4,
} as const;

const statxBuffer = Buffer.alloc(STATX.size);
const statxAddress = addressOf(statxBuffer);
const statxWords = new Uint32Array(statxBuffer.buffer, statxBuffer.byteOffset, STATX.size / 4);

function fileStatus(): FileStatus {
  return {
    mode: statxWords[STATX.mode]! & 0xffff,
    inode: statxWords[STATX.inodeLow]! + statxWords[STATX.inodeHigh]! * 2 ** 32,
    uid: statxWords[STATX.uid]!,
    gid: statxWords[STATX.gid]!,
    links: statxWords[STATX.links]!,
    rdevMajor: statxWords[STATX.rdevMajor]!,
    rdevMinor: statxWords[STATX.rdevMinor]!,
    devMajor: statxWords[STATX.devMajor]!,
    devMinor: statxWords[STATX.devMinor]!,
  };
}

/** Status of an open file. Throws KernelError. */
export function statusOf(fd: number): FileStatus {
  const mask = STATX_TYPE | STATX_INO;
  checked(
    'statx',
    statxByPath(SYS.statx, fd, '', AT_EMPTY_PATH | STATX_FLAGS_QUIET, mask, statxAddress),
  );
  return fileStatus();
}

/** Status of what `path` leads to, links followed. Throws KernelError. */
export function statusOfPath(path: string): FileStatus {
  const mask = STATX_TYPE | STATX_INO;
  checked(
    `statx ${path}`,
    statxByPath(SYS.statx, AT_FDCWD, path, STATX_FLAGS_QUIET, mask, statxAddress),
  );
  return fileStatus();
}

let fileBuffer = Buffer.alloc(64 * 1024);
let fileAddress = Number(addressOf(fileBuffer));

/**
 * All bytes of a file of unknown size, as those of /proc are, at most 16 MiB. Three system calls, and
 * no work by libuv: a scan reads thousands. The bytes are valid until the next call. Throws
 * KernelError.
 */
export function readBytes(path: string): Buffer {
  const fd = open(path, O_RDONLY);
  try {
    let length = 0;
    while (true) {
      if (length === fileBuffer.length) {
        if (length >= 16 * 1024 * 1024) return fileBuffer;
        const larger = Buffer.alloc(length * 4);
        fileBuffer.copy(larger);
        fileBuffer = larger;
        fileAddress = Number(addressOf(fileBuffer));
      }
      const rest = fileBuffer.length - length;
      const got = checked(`read ${path}`, readCall(fd, fileAddress + length, rest));
      if (got === 0) return fileBuffer.subarray(0, length);
      length += got;
    }
  } finally {
    close(fd);
  }
}

const linkBuffer = Buffer.alloc(4096);
const linkAddress = addressOf(linkBuffer);

/** Target of a symbolic link; `latin1` keeps bytes that are no UTF-8. Throws KernelError. */
export function readLink(path: string, encoding: 'utf8' | 'latin1' = 'utf8'): string {
  const length = checked(`readlink ${path}`, readlinkCall(path, linkAddress, linkBuffer.length));
  return linkBuffer.toString(encoding, 0, length);
}
