/** Locks that the kernel takes back when their holder ends, however that is: flock(2). */
import { isKernelError } from './kernel-error.js';
import { checked, libc } from './libc.js';

type Flock = (fd: number, operation: number) => number;
const flock = libc.func('int flock(int fd, int operation)') as Flock;

// include/uapi/asm-generic/fcntl.h
const LOCK_EX = 2;
const LOCK_NB = 4;

/** False: somebody else has it. It is held until the open file of `fd` is closed. Throws KernelError. */
export function tryLock(fd: number): boolean {
  try {
    checked('flock', flock(fd, LOCK_EX | LOCK_NB));
    return true;
  } catch (error) {
    if (isKernelError(error, 'EAGAIN')) return false;
    throw error;
  }
}
