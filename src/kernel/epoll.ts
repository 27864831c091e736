/**
 * Waits for many descriptors at once, off the event loop: epoll(7). The wait takes one thread of libuv's
 * pool; what it finds ready comes back as one callback.
 */
import { close, O_CLOEXEC } from './descriptor.js';
import { KernelError } from './kernel-error.js';
import { addressOf, checked, lastErrno, libc } from './libc.js';

type Create = (flags: number) => number;
type Control = (epoll: number, operation: number, fd: number, event: bigint) => number;
interface Wait {
  async: (
    epoll: number,
    events: bigint,
    most: number,
    timeout: number,
    done: (error: Error | null, ready: number) => void,
  ) => void;
}
type Eventfd = (initial: number, flags: number) => number;
type Write = (fd: number, bytes: bigint, size: number) => number;
const createCall = libc.func('int epoll_create1(int flags)') as Create;
const controlCall = libc.func('int epoll_ctl(int epoll, int op, int fd, void *event)') as Control;
const waitCall = libc.func(
  'int epoll_wait(int epoll, void *events, int most, int timeout)',
) as unknown as Wait;
const eventfdCall = libc.func('int eventfd(unsigned int initial, int flags)') as Eventfd;
const writeCall = libc.func('long write(int fd, void *bytes, size_t size)') as Write;

// include/uapi/linux/eventpoll.h, where struct epoll_event is packed on x86-64 only.
const EPOLL_CTL_ADD = 1;
const EPOLL_CTL_DEL = 2;
const EPOLLIN = 0x1;
const DATA = process.arch === 'x64' ? 4 : 8;
const EVENT_SIZE = DATA + 8;
const MOST = 256;
const FOREVER = -1;

export class Epoll {
  readonly #epoll = checked('epoll_create1', createCall(O_CLOEXEC));
  readonly #wakeUp: number;
  readonly #ready = Buffer.alloc(EVENT_SIZE * MOST);
  #closing = false;

  /** Throws KernelError. */
  constructor() {
    this.#wakeUp = checked('eventfd', eventfdCall(0, O_CLOEXEC));
    this.add(this.#wakeUp);
  }

  /** Has `wait` tell when the descriptor can be read. Stays the caller's. Throws KernelError. */
  add(fd: number): void {
    const event = Buffer.alloc(EVENT_SIZE);
    event.writeUInt32LE(EPOLLIN, 0);
    event.writeInt32LE(fd, DATA);
    checked('epoll_ctl', controlCall(this.#epoll, EPOLL_CTL_ADD, fd, addressOf(event)));
  }

  /** To be called before the descriptor is closed. Throws KernelError. */
  remove(fd: number): void {
    const unused = Buffer.alloc(EVENT_SIZE);
    checked('epoll_ctl', controlCall(this.#epoll, EPOLL_CTL_DEL, fd, addressOf(unused)));
  }

  /**
   * Descriptors that can be read; at least one. Null after `end` was called. One wait at a time. Rejects
   * with KernelError.
   */
  async wait(): Promise<number[] | null> {
    const count = await new Promise<number>((resolve, reject) => {
      waitCall.async(
        this.#epoll,
        addressOf(this.#ready),
        MOST,
        FOREVER,
        (error: Error | null, ready: number) => {
          const code = ready < 0 ? lastErrno() : '';
          if (error !== null) reject(error);
          else if (ready >= 0) resolve(ready);
          else if (code === 'EINTR') resolve(0);
          else reject(new KernelError('epoll_wait', code));
        },
      );
    });
    if (this.#closing) {
      this.close();
      return null;
    }
    if (count === 0) return await this.wait();
    const fds: number[] = [];
    for (let i = 0; i < count; i++) fds.push(this.#ready.readInt32LE(i * EVENT_SIZE + DATA));
    return fds;
  }

  /** Only while no wait is under way. */
  close(): void {
    close(this.#wakeUp);
    close(this.#epoll);
  }

  /** The wait that is under way resolves to null, and closes what this object has opened. */
  end(): void {
    this.#closing = true;
    const one = Buffer.alloc(8);
    one.writeBigUInt64LE(1n);
    checked('write', writeCall(this.#wakeUp, addressOf(one), one.length));
  }
}
