// Descriptors passed over unix sockets: SCM_RIGHTS of unix(7), through sendmsg(2) and recvmsg(2).
import koffi from 'koffi';
import { checked } from './libc.js';

const libc = koffi.load(null);
const socketpairCall = libc.func('int socketpair(int domain, int type, int protocol, void *fds)');
const socketCall = libc.func('int socket(int domain, int type, int protocol)');
const bindCall = libc.func('int bind(int fd, void *address, unsigned int size)');
const listenCall = libc.func('int listen(int fd, int backlog)');
const getsocknameCall = libc.func('int getsockname(int fd, void *address, void *size)');
const connectCall = libc.func('int connect(int fd, void *address, unsigned int size)');
const sendmsgCall = libc.func('long sendmsg(int fd, void *message, int flags)');
const recvmsgCall = libc.func('long recvmsg(int fd, void *message, int flags)');

const AF_UNIX = 1;
const SOCK_SEQPACKET_CLOEXEC = 0o2000005;
const SOL_SOCKET = 1;
const SCM_RIGHTS = 1;
const MSG_CMSG_CLOEXEC = 0x40000000;
const MSG_DONTWAIT = 0x40;

/** Two connected sockets: one message of one carries one descriptor to the other. */
export function socketPair(): [number, number] {
  const fds = Buffer.alloc(8);
  checked('socketpair', socketpairCall(AF_UNIX, SOCK_SEQPACKET_CLOEXEC, 0, fds));
  return [fds.readInt32LE(0), fds.readInt32LE(4)];
}

/** A socket that connections can be made to; nobody accepts them. */
export function listen(): number {
  const socket = newSocket();
  // Of the family alone: the kernel gives it a name of its own, see unix(7) on autobind.
  checked('bind', bindCall(socket, familyOnly(), 2));
  checked('listen', listenCall(socket, 8));
  return socket;
}

/** A connection to such a socket of this process. */
export function connect(listening: number): number {
  const address = Buffer.alloc(110);
  const size = Buffer.alloc(4);
  size.writeUInt32LE(address.length);
  checked('getsockname', getsocknameCall(listening, address, size));
  const socket = newSocket();
  checked('connect', connectCall(socket, address, size.readUInt32LE(0)));
  return socket;
}

function newSocket(): number {
  return checked('socket', socketCall(AF_UNIX, SOCK_SEQPACKET_CLOEXEC, 0));
}

function familyOnly(): Buffer {
  const address = Buffer.alloc(2);
  address.writeUInt16LE(AF_UNIX);
  return address;
}

/** struct msghdr with one byte of data and room for one descriptor. */
class Message {
  readonly #data = Buffer.from('.');
  readonly #vector = Buffer.alloc(16);
  readonly control = Buffer.alloc(24);
  readonly header = Buffer.alloc(56);

  constructor() {
    this.#vector.writeBigUInt64LE(koffi.address(this.#data), 0);
    this.#vector.writeBigUInt64LE(1n, 8);
    this.header.writeBigUInt64LE(koffi.address(this.#vector), 16);
    this.header.writeBigUInt64LE(1n, 24);
    this.header.writeBigUInt64LE(koffi.address(this.control), 32);
    this.header.writeBigUInt64LE(BigInt(this.control.length), 40);
  }
}

/** Sends a copy of `fd`; it is in flight until it is received. */
export function sendDescriptor(socket: number, fd: number): void {
  const message = new Message();
  // struct cmsghdr: its length with four bytes of data, then level and type.
  message.control.writeBigUInt64LE(20n, 0);
  message.control.writeInt32LE(SOL_SOCKET, 8);
  message.control.writeInt32LE(SCM_RIGHTS, 12);
  message.control.writeInt32LE(fd, 16);
  checked('sendmsg', Number(sendmsgCall(socket, message.header, 0)));
}

/** The descriptor that was sent first and not received yet; throws EAGAIN when there is none. */
export function receiveDescriptor(socket: number): number {
  const message = new Message();
  const flags = MSG_CMSG_CLOEXEC | MSG_DONTWAIT;
  checked('recvmsg', Number(recvmsgCall(socket, message.header, flags)));
  if (message.control.readInt32LE(12) !== SCM_RIGHTS) throw new Error('no descriptor came');
  return message.control.readInt32LE(16);
}
