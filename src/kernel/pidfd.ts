/** Processes pinned by a descriptor: pidfd_open(2), pidfd_getfd(2), pidfd_send_signal(2). */
import { readBytes } from './descriptor.js';
import { checked, lastErrno, libc, SYS } from './libc.js';
import { isKernelError, KernelError } from './kernel-error.js';

type Syscall = (number: number, a: number, b: number, c: number, d: number) => number;
const syscall = libc.func('long syscall(long number, long a, long b, long c, long d)') as Syscall;

/** Since 6.9: the pidfd stands for one thread, and pidfd_getfd uses that thread's table. */
const PIDFD_THREAD = 0o200;

/** Pins a process. Since 5.3. Throws KernelError: ESRCH when there is none. */
export function pidfdOpen(pid: number): number {
  return checked('pidfd_open', syscall(SYS.pidfd_open, pid, 0, 0, 0));
}

/** Pins a thread. Since 6.9. Throws KernelError: EINVAL on older kernels. */
export function pidfdOpenThread(tid: number): number {
  return checked('pidfd_open', syscall(SYS.pidfd_open, tid, PIDFD_THREAD, 0, 0));
}

/**
 * A copy of a descriptor of another process, close-on-exec. Since 5.6; needs the right to attach to
 * the process as a debugger. The copy keeps the file open: close it at once. Throws KernelError:
 * EBADF (no such descriptor), EPERM, ESRCH (the process has ended).
 */
export function pidfdGetfd(pidfd: number, fd: number): number {
  return checked('pidfd_getfd', syscall(SYS.pidfd_getfd, pidfd, fd, 0, 0));
}

/**
 * Whether the pinned process still has its pid: then all that was read by that pid since it was
 * pinned is its own.
 */
export function pidfdStands(pidfd: number): boolean {
  if (syscall(SYS.pidfd_send_signal, pidfd, 0, 0, 0) === 0) return true;
  const code = lastErrno();
  if (code === 'ESRCH') return false;
  if (code !== 'EPERM' && code !== 'ENOSYS') throw new KernelError('pidfd_send_signal', code);
  // Without the right to send a signal there is somebody to send it to; but whoever may not even make
  // the call is told the same. fdinfo tells whom the pidfd stands for, too: -1 when nobody is left.
  try {
    const bytes = readBytes(`/proc/thread-self/fdinfo/${pidfd}`);
    return parsePidfdPid(bytes) !== -1;
  } catch (error) {
    if (isKernelError(error) && code === 'EPERM') return true;
    throw error;
  }
}

/** The `Pid:` line of a pidfd's fdinfo (pidfd_show_fdinfo of fs/pidfs.c); -1 when there is none. */
export function parsePidfdPid(bytes: Buffer): number {
  return Number(/^Pid:\t(-?\d+)$/m.exec(bytes.toString('latin1'))?.[1] ?? -1);
}
