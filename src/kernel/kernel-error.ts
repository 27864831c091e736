import { constants } from 'node:os';

const names = new Map<number, string>();
for (const [name, number] of Object.entries(constants.errno)) {
  // EWOULDBLOCK and EOPNOTSUPP are second names; the first one listed is the usual one.
  if (!names.has(number)) names.set(number, name);
}
// Linux errors of the tun driver and of namespaces that Node does not list.
names.set(77, 'EBADFD');
names.set(95, 'EOPNOTSUPP');
names.set(113, 'EHOSTUNREACH');

/** Symbolic name of an errno, such as `ENOENT`; see errno(3). */
export function errnoName(errno: number): string {
  return names.get(errno) ?? `E${errno}`;
}

/** A call that the kernel refused. `code` is the symbolic errno, `call` the call that failed. */
export class KernelError extends Error {
  override readonly name = 'KernelError';

  constructor(
    readonly call: string,
    readonly code: string,
  ) {
    super(`${call}: ${code}`);
  }
}

/** Whether `error` is a KernelError with one of `codes`. */
export function isKernelError(error: unknown, ...codes: string[]): error is KernelError {
  return error instanceof KernelError && (codes.length === 0 || codes.includes(error.code));
}
