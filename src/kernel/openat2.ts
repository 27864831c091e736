/** Opens a path that may not lead out of a directory: openat2(2), since 5.6. */
import { addressOf, checked, libc, SYS } from './libc.js';
import { O_CLOEXEC } from './descriptor.js';

type Openat2 = (number: number, root: number, path: string, how: bigint, size: number) => number;
const openat2 = libc.func(
  'long syscall(long number, long root, const char *path, void *how, size_t size)',
) as Openat2;

// include/uapi/linux/openat2.h
const RESOLVE_NO_MAGICLINKS = 0x02;
const RESOLVE_NO_SYMLINKS = 0x04;
const RESOLVE_BENEATH = 0x08;
const RESOLVE_IN_ROOT = 0x10;

/** struct open_how: flags, mode, resolve. */
const how = Buffer.alloc(24);
const howAddress = addressOf(how);

function openResolved(directory: number, path: string, flags: number, resolve: number): number {
  how.writeBigUInt64LE(BigInt(flags | O_CLOEXEC), 0);
  how.writeBigUInt64LE(BigInt(resolve), 16);
  return checked(`openat2 ${path}`, openat2(SYS.openat2, directory, path, howAddress, how.length));
}

/**
 * Opens `path` as a process would whose root is the directory that `root` has open: what links lead to
 * is looked up there, too. Throws KernelError.
 */
export function openInRoot(root: number, path: string, flags: number): number {
  return openResolved(root, path, flags, RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS);
}

/**
 * Opens the relative `path` below an open directory, following no link at all. Throws KernelError:
 * ELOOP for a link, EXDEV for what leads out.
 */
export function openBeneath(directory: number, path: string, flags: number): number {
  return openResolved(directory, path, flags, RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS);
}
