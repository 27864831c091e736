// What the stage asks of libc itself: the few calls that Node does not offer. It declares them on its
// own, so that a test of src/kernel never stands on the code it tests.
import koffi from 'koffi';

const libc = koffi.load(null);

// ioctl(2) is variadic in C. On the Linux ABIs of x86-64 and arm64 a variadic pointer or integer
// argument travels like a fixed one, so two fixed prototypes say what is passed.
const ioctlBuffer = libc.func('int ioctl(int fd, unsigned long request, void *argument)');
const ioctlNumber = libc.func('int ioctl(int fd, unsigned long request, intptr_t argument)');
const ifreqData = koffi.struct('ifreq_data', {
  ifr_name: koffi.array('char', 16, 'String'),
  ifr_data: 'void *',
  rest: koffi.array('uint8_t', 16),
});
const ioctlIfreq = libc.func('ioctl', 'int', ['int', 'unsigned long', koffi.pointer(ifreqData)]);
const socketCall = libc.func('int socket(int domain, int type, int protocol)');
const getsockoptCall = libc.func(
  'int getsockopt(int fd, int level, int name, void *value, void *length)',
);
const setnsCall = libc.func('int setns(int fd, int nstype)');
const fcntlNumber = libc.func('int fcntl(int fd, int command, intptr_t argument)');
const execvCall = libc.func('int execv(const char *path, const char **argv)');
const prctlNumber = libc.func('int prctl(int option, unsigned long argument)');
const prctlBuffer = libc.func('int prctl(int option, unsigned long mode, void *argument)');

// Not util.getSystemErrorName(): libuv has no name for EBADFD.
const errnoNames = new Map(Object.entries(koffi.os.errno).map(([name, errno]) => [errno, name]));

/** A failed system call; `code` is errno's name, such as `EBUSY`. */
export class SyscallError extends Error {
  readonly code: string;

  constructor(call: string, errno: number) {
    const code = errnoNames.get(errno) ?? `errno ${errno}`;
    super(`${call}: ${code}`);
    this.code = code;
  }
}

/** The result of a native call that has just returned, or what errno says. */
export function checked(call: string, result: unknown): number {
  // errno is read before anything else can run on this thread.
  const errno = koffi.errno();
  if (typeof result !== 'number') throw new TypeError(`${call} gave no number`);
  if (result < 0) throw new SyscallError(call, errno);
  return result;
}

/** ioctl(2) with a buffer that the kernel reads or fills, or with a plain number. */
export function ioctl(
  name: string,
  fd: number,
  request: number,
  argument: Buffer | number,
): number {
  return typeof argument === 'number'
    ? checked(name, ioctlNumber(fd, request, argument))
    : checked(name, ioctlBuffer(fd, request, argument));
}

/** ioctl(2) with a `struct ifreq` whose `ifr_data` points to a buffer that the kernel fills. */
export function ioctlStruct(
  name: string,
  fd: number,
  request: number,
  device: string,
  data: Buffer,
): void {
  const ifreq = { ifr_name: device, ifr_data: data, rest: new Uint8Array(16) };
  checked(name, ioctlIfreq(fd, request, ifreq));
}

const AF_INET = 2;
const SOCK_DGRAM_CLOEXEC = 0o2000002;

/** socket(2): a datagram socket, for ioctls on devices of this thread's netns. */
export function socket(): number {
  return checked('socket', socketCall(AF_INET, SOCK_DGRAM_CLOEXEC, 0));
}

const SOL_SOCKET = 1;
const SO_NETNS_COOKIE = 71;

/** SO_NETNS_COOKIE of the network namespace that the socket `fd` belongs to. */
export function netnsCookie(fd: number): bigint {
  const [value, length] = [Buffer.alloc(8), Buffer.alloc(4)];
  length.writeUInt32LE(value.length);
  checked('getsockopt', getsockoptCall(fd, SOL_SOCKET, SO_NETNS_COOKIE, value, length));
  return value.readBigUInt64LE();
}

const CLONE_NEWNET = 0x40000000;

/** setns(2) of the calling thread into a network namespace. */
export function setnsNet(fd: number): void {
  checked('setns', setnsCall(fd, CLONE_NEWNET));
}

const F_SETFD = 2;
const F_DUPFD_CLOEXEC = 1030;
const FD_CLOEXEC = 1;

/** Says whether `fd` is closed by an exec. Node opens everything with O_CLOEXEC. */
export function setCloseOnExec(fd: number, close: boolean): void {
  checked('fcntl', fcntlNumber(fd, F_SETFD, close ? FD_CLOEXEC : 0));
}

/** dup(2): another number for the same open file, closed by an exec. */
export function dup(fd: number): number {
  return checked('fcntl', fcntlNumber(fd, F_DUPFD_CLOEXEC, 0));
}

const PR_SET_PDEATHSIG = 1;
const SIGKILL = 9;

/** Replaces this process by another program that dies when this process's parent does. */
export function exec(path: string, args: readonly string[]): never {
  checked('prctl', prctlNumber(PR_SET_PDEATHSIG, SIGKILL));
  checked('execv', execvCall(path, [path, ...args, null]));
  throw new Error('execv returned');
}

const PR_SET_SECCOMP = 22;
const SECCOMP_MODE_FILTER = 2;

/**
 * Has the kernel ask `filter`, an array of struct sock_filter, about each system call of this process, and
 * of all that it becomes and starts. Needs CAP_SYS_ADMIN: see seccomp(2).
 */
export function setSeccompFilter(filter: Buffer): void {
  // struct sock_fprog of linux/filter.h: a length, and the address of the program.
  const program = Buffer.alloc(16);
  program.writeUInt16LE(filter.length / 8, 0);
  program.writeBigUInt64LE(koffi.address(filter), 8);
  checked('prctl', prctlBuffer(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, program));
}
