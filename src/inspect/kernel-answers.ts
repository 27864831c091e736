/** What an error of the kernel means to somebody who only looks. */
import { isKernelError } from '../kernel/kernel-error.js';

/** Errors that mean that the process, thread or file has gone: nothing is lost by passing on. */
export function isGone(error: unknown): boolean {
  return isKernelError(error, 'ENOENT', 'ESRCH', 'EBADF');
}

/** Errors that mean that the kernel does not let us look. */
export function isRefused(error: unknown): boolean {
  return isKernelError(error, 'EACCES', 'EPERM', 'ENOSYS');
}

/** Errors that mean that the kernel does not know the question, or does not let us ask it. */
export function isUnanswered(error: unknown): boolean {
  return isRefused(error) || isKernelError(error, 'EINVAL', 'ENOTTY', 'EOPNOTSUPP');
}
