/** Network namespaces: identify one, enter one for the length of a function. */
import { KernelError, isKernelError } from './kernel-error.js';
import { addressOf, checked, libc } from './libc.js';
import {
  close,
  open,
  O_DIRECTORY,
  O_PATH,
  O_RDONLY,
  statusOf,
  statusOfPath,
} from './descriptor.js';
import { openInRoot } from './openat2.js';
import { getsockopt, SOL_SOCKET } from './socket-option.js';

type Setns = (fd: number, type: number) => number;
type Socket = (domain: number, type: number, protocol: number) => number;
const setns = libc.func('int setns(int fd, int type)') as Setns;
const socketCall = libc.func('int socket(int domain, int type, int protocol)') as Socket;

const CLONE_NEWNET = 0x40000000;
// include/uapi/asm-generic/socket.h
const SO_NETNS_COOKIE = 71;
const SOCK_CLOEXEC = 0o2000000;

/** Opens a socket, close-on-exec. Throws KernelError. */
export function socket(domain: number, type: number, protocol: number): number {
  return checked('socket', socketCall(domain, type | SOCK_CLOEXEC, protocol));
}

const cookieBuffer = Buffer.alloc(12);
const cookieAddress = addressOf(cookieBuffer);

/**
 * Cookie of the network namespace that a socket is in, in decimal; null before 5.14, and where the option
 * is refused. Throws KernelError: EBADF. Source: sock_getsockopt of net/core/sock.c.
 */
export function netnsCookie(socketFd: number): string | null {
  cookieBuffer.writeUInt32LE(8, 8);
  try {
    checked(
      'SO_NETNS_COOKIE',
      getsockopt(socketFd, SOL_SOCKET, SO_NETNS_COOKIE, cookieAddress, cookieAddress + 8n),
    );
  } catch (error) {
    if (!isKernelError(error) || error.code === 'EBADF') throw error;
    return null;
  }
  return cookieBuffer.readBigUInt64LE(0).toString();
}

/** The network namespace of this process, to compare with and to return to. */
const home = { fd: -1 };

function homeFd(): number {
  if (home.fd === -1) home.fd = open('/proc/thread-self/ns/net', O_RDONLY);
  return home.fd;
}

/** Inode of the network namespace of this process. Throws KernelError. */
export function ownNetnsInode(): number {
  return statusOf(homeFd()).inode;
}

/**
 * Runs `inside` with this thread in the network namespace `netnsFd`, and comes back. `inside` is
 * synchronous, so no other JavaScript of this thread runs there. Needs CAP_SYS_ADMIN over the
 * namespace and its own. Throws KernelError: EPERM. If the way back fails the process ends: it must
 * not go on in a stranger's namespace.
 */
export function inNetns<T>(netnsFd: number, inside: () => T): T {
  const back = homeFd();
  checked('setns', setns(netnsFd, CLONE_NEWNET));
  try {
    return inside();
  } finally {
    if (setns(back, CLONE_NEWNET) !== 0) {
      process.stderr.write('tapmap: probe: cannot return to its own network namespace\n');
      process.abort();
    }
  }
}

/** Device number of nsfs: a file with this device is a namespace. */
export interface NsfsDevice {
  readonly major: number;
  readonly minor: number;
}

export function nsfsDevice(): NsfsDevice {
  const { devMajor, devMinor } = statusOfPath('/proc/self/ns/net');
  return { major: devMajor, minor: devMinor };
}

type IoctlValue = (fd: number, request: number, argument: number) => number;
const ioctlValue = libc.func('int ioctl(int fd, ulong request, long argument)') as IoctlValue;
// _IO(0xb7, 0x3) of include/uapi/linux/nsfs.h, since 4.11
const NS_GET_NSTYPE = 0xb703;

/** Whether an open file is a network namespace. */
export function isNetns(fd: number): boolean {
  return ioctlValue(fd, NS_GET_NSTYPE, 0) === CLONE_NEWNET;
}

/** Where the file of a network namespace is: a path, inside another root directory if `root` is set. */
export interface NetnsFile {
  /** Such as `/proc/123/root`: the path is looked up there and cannot lead out of it. Since 5.6. */
  readonly root: string | null;
  readonly path: string;
}

/**
 * Opens the network namespace `inode`. The path may lead through a stranger's view, so what is there
 * is first looked at without opening it. Throws KernelError: EBADF when it is something else.
 */
export function openNetns(file: NetnsFile, inode: number, nsfs: NsfsDevice): number {
  const pathFd = openPath(file);
  try {
    const status = statusOf(pathFd);
    const same =
      status.inode === inode && status.devMajor === nsfs.major && status.devMinor === nsfs.minor;
    if (!same) throw new KernelError(`open ${file.path}`, 'EBADF');
    return open(`/proc/thread-self/fd/${pathFd}`, O_RDONLY);
  } finally {
    close(pathFd);
  }
}

function openPath({ root, path }: NetnsFile): number {
  if (root === null) return open(path, O_PATH);
  const rootFd = open(root, O_PATH | O_DIRECTORY);
  try {
    return openInRoot(rootFd, path, O_PATH);
  } finally {
    close(rootFd);
  }
}
