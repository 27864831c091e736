/**
 * Walks a descriptor table of /proc/PID/fd. The hottest loop of the program: for each descriptor of
 * the host one statx(2), and no JavaScript object. statx rather than readlink(2): it tells the device
 * number of the file whatever path its node has, and costs the same. See proc_pid_fd(5).
 *
 * Tables are dense, as the kernel gives the lowest free number. So as many numbers as the table says
 * it has are tried from 0 up, and only what is beyond them is listed with getdents64(2): listing all
 * would take a third of the time. The size only says where to begin the list, as a process may open
 * and close files meanwhile: each descriptor that stays is seen either way.
 */
import { addressOf, checked, lastErrno, libc, SYS } from './libc.js';
import {
  AT_EMPTY_PATH,
  close,
  hasNoType,
  isCharacterDevice,
  isSocket,
  open,
  O_DIRECTORY,
  STATX,
  STATX_FLAGS_QUIET,
} from './descriptor.js';
import type { NsfsDevice } from './netns.js';

type Getdents = (number: number, fd: number, buffer: bigint, size: number) => number;
type Lseek = (fd: number, offset: number, whence: number) => number;
type Statx = (
  number: number,
  fd: number,
  path: number,
  flags: number,
  mask: number,
  buffer: number,
) => number;
const getdents = libc.func(
  'long syscall(long number, long fd, void *buffer, size_t size)',
) as Getdents;
const lseek = libc.func('long lseek(int fd, long offset, int whence)') as Lseek;
// Addresses as numbers, which are exact up to 2^53 and spare a BigInt for each descriptor.
const statx = libc.func(
  'long syscall(long number, long fd, long path, long flags, long mask, long buffer)',
) as Statx;

/** What to look for. */
export interface FdTargets {
  /** Major numbers of devices whose every minor is of interest: macvtap, ipvtap. */
  readonly majors: readonly number[];
  /** One device: /dev/net/tun. */
  readonly major: number;
  readonly minor: number;
  /** Namespace files. */
  readonly nsfs: NsfsDevice;
  /** Null: not to look for what can hold other files open. */
  readonly hidingPlaces: HidingPlaceTargets | null;
}

/** Beside sockets and files without a node of their own, io_uring among them. */
interface HidingPlaceTargets {
  readonly vhostNet: { readonly major: number; readonly minor: number };
}

/** A descriptor of a file that can hold other files open. */
export interface HidingPlaceFind {
  readonly fd: number;
  readonly type: 'socket' | 'anonymous' | 'vhost-net';
  /** Tells sockets apart; the same for all anonymous files. */
  readonly inode: number;
}

/** What a table holds of what was looked for. */
export interface FdFinds {
  /** Symbolic errno when some descriptor of the table may not be looked at, or null. */
  refused: string | null;
  readonly devices: { readonly fd: number; readonly major: number; readonly minor: number }[];
  readonly namespaces: { readonly fd: number; readonly inode: number }[];
  /** Empty unless they were looked for. */
  readonly hidingPlaces: HidingPlaceFind[];
}

// struct linux_dirent64 of include/linux/dirent.h: d_ino, d_off, d_reclen, d_type, d_name.
const RECORD_LENGTH = 16;
const NAME = 19;
const DIGIT_0 = 48;
/** `.` and `..` come first. */
const DOT_ENTRIES = 2;
const SEEK_SET = 0;

const entries = Buffer.alloc(64 * 1024);
const entriesAddress = addressOf(entries);
const entriesNumber = Number(entriesAddress);
const status = Buffer.alloc(STATX.size);
const statusAddress = Number(addressOf(status));
const words = new Uint32Array(status.buffer, status.byteOffset, STATX.size / 4);

/** The first descriptor numbers as C strings, each at a multiple of its size. */
const NAME_SIZE = 8;
const DENSE_MAX = 4096;
const EMPTY_NAME = DENSE_MAX;
const nameBytes = Buffer.alloc(NAME_SIZE * (DENSE_MAX + 1));
for (let fd = 0; fd < DENSE_MAX; fd++) nameBytes.write(String(fd), fd * NAME_SIZE);
// The address alone would not keep the bytes from being collected.
const names = { bytes: nameBytes, address: Number(addressOf(nameBytes)) };

/**
 * Finds the descriptors of interest in the table `directory`, such as `/proc/123/fd`. Throws
 * KernelError: EACCES or EPERM when it may not be looked at, ENOENT or ESRCH when the process ended.
 */
export function walkFdTable(directory: string, targets: FdTargets): FdFinds {
  const table = open(directory, O_DIRECTORY);
  try {
    const finds: FdFinds = { refused: null, devices: [], namespaces: [], hidingPlaces: [] };
    const tried = Math.min(tableSize(table), DENSE_MAX);
    for (let fd = 0; fd < tried; fd++) {
      visit(table, names.address + fd * NAME_SIZE, fd, targets, finds);
    }
    walkListed(table, tried, targets, finds);
    return finds;
  } finally {
    close(table);
  }
}

/** How many descriptors the table has; 0 before 6.2, which does not tell. */
function tableSize(table: number): number {
  const path = names.address + EMPTY_NAME * NAME_SIZE;
  const flags = AT_EMPTY_PATH | STATX_FLAGS_QUIET;
  return statx(SYS.statx, table, path, flags, 0, statusAddress) === 0 ? words[STATX.sizeLow]! : 0;
}

/** Lists the descriptors from a number on: proc_readfd_common takes the position for the number. */
function walkListed(table: number, from: number, targets: FdTargets, finds: FdFinds): void {
  checked('lseek', lseek(table, from + DOT_ENTRIES, SEEK_SET));
  while (true) {
    const got = getdents(SYS.getdents64, table, entriesAddress, entries.length);
    const end = checked('getdents64', got);
    if (end === 0) return;
    for (let at = 0; at < end;) {
      const name = at + NAME;
      at += entries[at + RECORD_LENGTH]! | (entries[at + RECORD_LENGTH + 1]! << 8);
      if (entries[name]! < DIGIT_0) continue; // `.` and `..`
      visit(table, entriesNumber + name, fdNumber(name), targets, finds);
    }
  }
}

function visit(table: number, path: number, fd: number, targets: FdTargets, finds: FdFinds): void {
  if (statx(SYS.statx, table, path, STATX_FLAGS_QUIET, 0, statusAddress) !== 0) {
    const code = lastErrno();
    // ENOENT: not open. Any other error is that of a file server that does not answer: that is no
    // tun device.
    if (code === 'EACCES' || code === 'EPERM') finds.refused = code;
    return;
  }
  const mode = words[STATX.mode]!;
  if (isCharacterDevice(mode)) {
    const major = words[STATX.rdevMajor]!;
    const minor = words[STATX.rdevMinor]!;
    if ((major === targets.major && minor === targets.minor) || targets.majors.includes(major)) {
      finds.devices.push({ fd, major, minor });
    }
  } else if (
    words[STATX.devMinor] === targets.nsfs.minor &&
    words[STATX.devMajor] === targets.nsfs.major
  ) {
    finds.namespaces.push({ fd, inode: words[STATX.inodeLow]! });
  }
  if (targets.hidingPlaces !== null) visitHidingPlace(fd, mode, targets.hidingPlaces, finds);
}

function visitHidingPlace(
  fd: number,
  mode: number,
  { vhostNet }: HidingPlaceTargets,
  finds: FdFinds,
): void {
  const type = isSocket(mode)
    ? 'socket'
    : hasNoType(mode)
      ? 'anonymous'
      : isCharacterDevice(mode) &&
          words[STATX.rdevMajor] === vhostNet.major &&
          words[STATX.rdevMinor] === vhostNet.minor
        ? 'vhost-net'
        : null;
  if (type !== null) finds.hidingPlaces.push({ fd, type, inode: words[STATX.inodeLow]! });
}

/** The decimal number that starts at an offset of the entries. */
function fdNumber(at: number): number {
  let number = 0;
  for (let digit = entries[at]!; digit >= DIGIT_0; digit = entries[++at]!) {
    number = number * 10 + digit - DIGIT_0;
  }
  return number;
}
