/** Whether two descriptors are the same open file, two tasks have the same descriptors: kcmp(2). */
import { checked, libc, SYS } from './libc.js';

type Kcmp = (
  number: number,
  pid1: number,
  pid2: number,
  type: number,
  index1: number,
  index2: number,
) => number;
const syscall = libc.func(
  'long syscall(long number, long pid1, long pid2, long type, long index1, long index2)',
) as Kcmp;

// include/uapi/linux/kcmp.h
const KCMP_FILE = 0;
const KCMP_FILES = 2;

/** The order of two things of the kernel, which holds until reboot; 0: they are one. */
export type KernelOrder = -1 | 0 | 1;

/**
 * Orders two descriptors of this process by their open file. Throws KernelError: ENOSYS where the
 * kernel was built without it.
 */
export function compareOpenFiles(fd1: number, fd2: number): KernelOrder {
  const { pid } = process;
  return ordered(syscall(SYS.kcmp, pid, pid, KCMP_FILE, fd1, fd2));
}

/**
 * Orders two tasks by their descriptor table. Needs the right to attach to both as a debugger. Throws
 * KernelError: EPERM, ESRCH, ENOSYS.
 */
export function compareFdTables(tid1: number, tid2: number): KernelOrder {
  return ordered(syscall(SYS.kcmp, tid1, tid2, KCMP_FILES, 0, 0));
}

/** 1: less, 2: greater, 3: different but not ordered, which kcmp(2) keeps for later use. */
function ordered(result: number): KernelOrder {
  const order = checked('kcmp', result);
  return order === 0 ? 0 : order === 1 ? -1 : 1;
}
