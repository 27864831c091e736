/**
 * The C library, through koffi: the one place that declares native functions.
 *
 * `syscall(2)` and `ioctl(2)` are variadic in C. They are declared here with the fixed arguments of
 * each use: on x86-64 and arm64 Linux, integer and pointer arguments of variadic functions travel
 * in the same registers, and it spares koffi the work for variadic calls.
 *
 * Numbers of system calls differ by architecture. Source: arch/x86/entry/syscalls/syscall_64.tbl
 * and include/uapi/asm-generic/unistd.h (arm64); from 424 on they are the same everywhere.
 */
import koffi from 'koffi';
import { errnoName, KernelError } from './kernel-error.js';

interface SyscallNumbers {
  readonly fanotify_init: number;
  readonly fanotify_mark: number;
  readonly getdents64: number;
  readonly kcmp: number;
  readonly statx: number;
}

const byArchitecture: Partial<Record<NodeJS.Architecture, SyscallNumbers>> = {
  x64: { fanotify_init: 300, fanotify_mark: 301, getdents64: 217, kcmp: 312, statx: 332 },
  arm64: { fanotify_init: 262, fanotify_mark: 263, getdents64: 61, kcmp: 272, statx: 291 },
};

const numbers = byArchitecture[process.arch];
if (process.platform !== 'linux' || numbers === undefined) {
  throw new Error(
    `tapmap looks at Linux on x86-64 and arm64, not at ${process.platform} on ${process.arch}`,
  );
}

export const SYS = {
  ...numbers,
  pidfd_send_signal: 424,
  pidfd_open: 434,
  openat2: 437,
  pidfd_getfd: 438,
} as const;

/** The functions of the process itself: glibc or musl, whichever Node runs on. */
export const libc = koffi.load(null);

/** Address of the memory of `buffer`. Valid only for calls that return before it can be collected. */
export function addressOf(buffer: Buffer): bigint {
  return koffi.address(buffer);
}

/** Returns `result`, or throws what errno says. To be called at once after the native call. */
export function checked(call: string, result: number): number {
  if (result < 0) throw new KernelError(call, errnoName(koffi.errno()));
  return result;
}

/** Symbolic errno of the native call that has just failed. */
export function lastErrno(): string {
  return errnoName(koffi.errno());
}
