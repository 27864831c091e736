// io_uring instances that keep registered files: io_uring_setup(2), io_uring_register(2).
import koffi from 'koffi';
import { checked } from './libc.js';

const libc = koffi.load(null);
const setupCall = libc.func('syscall', 'long', ['long', 'long', 'void *']);
const registerCall = libc.func('syscall', 'long', ['long', 'long', 'long', 'void *', 'long']);

// The same on x86-64 and arm64.
const IO_URING_SETUP = 425;
const IO_URING_REGISTER = 427;
const IORING_REGISTER_FILES = 2;
const PARAMS_SIZE = 120;

/** An instance, as a descriptor that an exec closes. */
export function openRing(): number {
  return checked('io_uring_setup', Number(setupCall(IO_URING_SETUP, 1, Buffer.alloc(PARAMS_SIZE))));
}

/** Has the instance keep `fd`, whatever becomes of the descriptor. */
export function registerFile(ring: number, fd: number): void {
  const fds = Buffer.alloc(4);
  fds.writeInt32LE(fd);
  const result: unknown = registerCall(IO_URING_REGISTER, ring, IORING_REGISTER_FILES, fds, 1);
  checked('io_uring_register', Number(result));
}
