/** Options of sockets: getsockopt(2), setsockopt(2), socket(7). */
import { isKernelError } from './kernel-error.js';
import { addressOf, checked, libc } from './libc.js';

type Setsockopt = (
  fd: number,
  level: number,
  option: number,
  value: bigint,
  size: number,
) => number;
const setsockoptCall = libc.func(
  'int setsockopt(int fd, int level, int option, void *value, unsigned int size)',
) as Setsockopt;

type Getsockopt = (
  fd: number,
  level: number,
  option: number,
  value: bigint,
  size: bigint,
) => number;
/** `size` is the address of a 32-bit number: the room at `value`, and then what is used of it. */
export const getsockopt = libc.func(
  'int getsockopt(int fd, int level, int option, void *value, void *size)',
) as Getsockopt;

export const SOL_SOCKET = 1;
const SO_RCVBUFFORCE = 33;
const SO_ATTACH_FILTER = 26;

/** Throws KernelError. */
export function setIntegerOption(fd: number, level: number, option: number, number: number): void {
  const value = Buffer.alloc(4);
  value.writeInt32LE(number);
  checked('setsockopt', setsockoptCall(fd, level, option, addressOf(value), value.length));
}

/**
 * Bytes of what may wait to be received, whatever the host's limit. Without CAP_NET_ADMIN it stays as it
 * is: a monitor with less room loses something sooner, and says so. Throws KernelError.
 */
export function setReceiveBuffer(fd: number, bytes: number): void {
  try {
    setIntegerOption(fd, SOL_SOCKET, SO_RCVBUFFORCE, bytes);
  } catch (error) {
    if (!isKernelError(error, 'EPERM')) throw error;
  }
}

/** One instruction of classic BPF: code, jump if true, jump if false, operand. See struct sock_filter. */
export type FilterInstruction = readonly [code: number, jt: number, jf: number, k: number];

/** Has the kernel drop what the program returns 0 for. Throws KernelError. */
export function attachFilter(fd: number, program: readonly FilterInstruction[]): void {
  const instructions = Buffer.alloc(8 * program.length);
  for (const [i, [code, jt, jf, k]] of program.entries()) {
    instructions.writeUInt16LE(code, 8 * i);
    instructions.writeUInt8(jt, 8 * i + 2);
    instructions.writeUInt8(jf, 8 * i + 3);
    instructions.writeUInt32LE(k, 8 * i + 4);
  }
  // struct sock_fprog
  const value = Buffer.alloc(16);
  value.writeUInt16LE(program.length, 0);
  value.writeBigUInt64LE(addressOf(instructions), 8);
  const size = value.length;
  checked('setsockopt', setsockoptCall(fd, SOL_SOCKET, SO_ATTACH_FILTER, addressOf(value), size));
  // Until here: that its address is in `value` would not keep it from being collected.
  instructions.fill(0);
}
