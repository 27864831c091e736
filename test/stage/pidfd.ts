// A file of another process: pidfd_open(2) and pidfd_getfd(2).
import koffi from 'koffi';
import { closeSync } from 'node:fs';
import { checked } from './libc.js';

const libc = koffi.load(null);
const syscall = libc.func('long syscall(long number, long first, long second, long third)');

// The same on all architectures.
const PIDFD_OPEN = 434;
const PIDFD_GETFD = 438;

/** Another descriptor of the open file that is `fd` of process `pid`, in this process. */
export function copyFd(pid: number, fd: number): number {
  const pidfd = checked('pidfd_open', Number(syscall(PIDFD_OPEN, pid, 0, 0)));
  try {
    return checked('pidfd_getfd', Number(syscall(PIDFD_GETFD, pidfd, fd, 0)));
  } finally {
    closeSync(pidfd);
  }
}
