/**
 * Walks a descriptor table of /proc/PID/fd. The hottest loop of the program: for each descriptor of
 * the host one statx(2), and no JavaScript object. statx rather than readlink(2): it tells the device
 * number of the file whatever path its node has, and costs the same. See proc_pid_fd(5).
 */
import { addressOf, checked, lastErrno, libc, SYS } from './libc.js';
import {
  close,
  isCharacterDevice,
  open,
  O_DIRECTORY,
  STATX,
  STATX_FLAGS_QUIET,
} from './descriptor.js';
import type { NsfsDevice } from './netns.js';

type Getdents = (number: number, fd: number, buffer: bigint, size: number) => number;
type Statx = (
  number: number,
  fd: number,
  path: bigint,
  flags: number,
  mask: number,
  buffer: bigint,
) => number;
const getdents = libc.func(
  'long syscall(long number, long fd, void *buffer, size_t size)',
) as Getdents;
const statx = libc.func(
  'long syscall(long number, long fd, void *path, long flags, long mask, void *buffer)',
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
}

/** What a table holds of what was looked for. */
export interface FdFinds {
  /** Symbolic errno when some descriptor of the table may not be looked at, or null. */
  refused: string | null;
  readonly devices: { readonly fd: number; readonly major: number; readonly minor: number }[];
  readonly namespaces: { readonly fd: number; readonly inode: number }[];
}

// struct linux_dirent64 of include/linux/dirent.h: d_ino, d_off, d_reclen, d_type, d_name.
const RECORD_LENGTH = 16;
const NAME = 19;
const DIGIT_0 = 48;

const entries = Buffer.alloc(64 * 1024);
const entriesAddress = addressOf(entries);
const status = Buffer.alloc(STATX.size);
const statusAddress = addressOf(status);
const words = new Uint32Array(status.buffer, status.byteOffset, STATX.size / 4);

/**
 * Finds the descriptors of interest in the table `directory`, such as `/proc/123/fd`. Throws
 * KernelError: EACCES or EPERM when it may not be looked at, ENOENT or ESRCH when the process ended.
 */
export function walkFdTable(directory: string, targets: FdTargets): FdFinds {
  const finds: FdFinds = { refused: null, devices: [], namespaces: [] };
  const table = open(directory, O_DIRECTORY);
  try {
    while (true) {
      const end = checked(
        'getdents64',
        getdents(SYS.getdents64, table, entriesAddress, entries.length),
      );
      if (end === 0) return finds;
      for (let at = 0; at < end;) {
        const name = at + NAME;
        at += entries[at + RECORD_LENGTH]! | (entries[at + RECORD_LENGTH + 1]! << 8);
        if (entries[name]! < DIGIT_0) continue; // `.` and `..`
        visit(table, name, targets, finds);
      }
    }
  } finally {
    close(table);
  }
}

function visit(table: number, name: number, targets: FdTargets, finds: FdFinds): void {
  const path = entriesAddress + BigInt(name);
  if (statx(SYS.statx, table, path, STATX_FLAGS_QUIET, 0, statusAddress) !== 0) {
    const code = lastErrno();
    // ENOENT: closed since the table was read. A server that does not answer is no tun device.
    if (code === 'EACCES' || code === 'EPERM') finds.refused = code;
    return;
  }
  if (isCharacterDevice(words[STATX.mode]!)) {
    const major = words[STATX.rdevMajor]!;
    const minor = words[STATX.rdevMinor]!;
    if ((major === targets.major && minor === targets.minor) || targets.majors.includes(major)) {
      finds.devices.push({ fd: fdNumber(name), major, minor });
    }
  } else if (
    words[STATX.devMinor] === targets.nsfs.minor &&
    words[STATX.devMajor] === targets.nsfs.major
  ) {
    finds.namespaces.push({ fd: fdNumber(name), inode: words[STATX.inodeLow]! });
  }
}

/** The decimal number that starts at an offset of the entries. */
function fdNumber(at: number): number {
  let number = 0;
  for (let digit = entries[at]!; digit >= DIGIT_0; digit = entries[++at]!) {
    number = number * 10 + digit - DIGIT_0;
  }
  return number;
}
