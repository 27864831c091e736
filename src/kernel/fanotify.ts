/**
 * Who opens and closes a file, by fanotify(7). With FAN_REPORT_FID events carry no descriptor: without it
 * the kernel would open the device itself for each. Since 5.1.
 */
import { close } from './descriptor.js';
import { KernelError } from './kernel-error.js';
import { addressOf, checked, lastErrno, libc, SYS } from './libc.js';

type Init = (number: number, flags: number, eventFlags: number) => number;
type Mark = (
  number: number,
  fanotify: number,
  flags: number,
  mask: bigint,
  directory: number,
  path: string,
) => number;
type Read = (fd: number, buffer: bigint, size: number) => number;
const initCall = libc.func('long syscall(long number, long flags, long event_flags)') as Init;
const markCall = libc.func(
  'long syscall(long number, long fd, long flags, uint64_t mask, long directory, const char *path)',
) as Mark;
const readCall = libc.func('long read(int fd, void *buffer, size_t size)') as Read;

// include/uapi/linux/fanotify.h
const FAN_CLOEXEC = 0x1;
const FAN_NONBLOCK = 0x2;
const FAN_CLASS_NOTIF = 0;
const FAN_REPORT_FID = 0x200;
const FAN_MARK_ADD = 0x1;
const FAN_OPEN = 0x20;
const FAN_CLOSE = 0x8 | 0x10;
const FAN_Q_OVERFLOW = 0x4000;
const AT_FDCWD = -100;

/** A process opened or closed one of the files. */
export interface FileEvent {
  /** Process, as our pid namespace numbers it; 0: it is in none that we see. */
  readonly pid: number;
  readonly opened: boolean;
  readonly closed: boolean;
}

const buffer = Buffer.alloc(64 * 1024);
const bufferAddress = addressOf(buffer);

export class FileMonitor {
  /** To be waited on. */
  readonly fd: number;

  /** Throws KernelError: EPERM without CAP_SYS_ADMIN, ENOSYS where the kernel has none. */
  constructor() {
    const flags = FAN_CLOEXEC | FAN_NONBLOCK | FAN_CLASS_NOTIF | FAN_REPORT_FID;
    this.fd = checked('fanotify_init', initCall(SYS.fanotify_init, flags, 0));
  }

  /**
   * Watches the file that `path` leads to, by whatever path it is opened. A second mark of the same file
   * changes nothing. Throws KernelError: ENODEV, EOPNOTSUPP where its file system has no ids for files.
   */
  watch(path: string): void {
    const mask = BigInt(FAN_OPEN | FAN_CLOSE);
    checked(
      `fanotify_mark ${path}`,
      markCall(SYS.fanotify_mark, this.fd, FAN_MARK_ADD, mask, AT_FDCWD, path),
    );
  }

  /** What has happened since the last call. Throws KernelError: EOVERFLOW when some of it was lost. */
  read(): FileEvent[] {
    const events: FileEvent[] = [];
    while (true) {
      const got = readCall(this.fd, bufferAddress, buffer.length);
      if (got < 0) {
        const code = lastErrno();
        if (code === 'EAGAIN') return events;
        throw new KernelError('read fanotify', code);
      }
      for (const event of parseFileEvents(buffer.subarray(0, got))) {
        if (event === 'overflow') throw new KernelError('fanotify', 'EOVERFLOW');
        events.push(event);
      }
    }
  }

  close(): void {
    close(this.fd);
  }
}

const METADATA = 24;

/** struct fanotify_event_metadata, and what follows each. What is cut off ends it without an error. */
export function parseFileEvents(bytes: Buffer): (FileEvent | 'overflow')[] {
  const events: (FileEvent | 'overflow')[] = [];
  for (let at = 0; at + METADATA <= bytes.length;) {
    const length = bytes.readUInt32LE(at);
    if (length < METADATA || at + length > bytes.length) break;
    const mask = bytes.readUInt32LE(at + 8);
    if ((mask & FAN_Q_OVERFLOW) !== 0) events.push('overflow');
    else {
      const pid = bytes.readInt32LE(at + 20);
      events.push({ pid, opened: (mask & FAN_OPEN) !== 0, closed: (mask & FAN_CLOSE) !== 0 });
    }
    at += length;
  }
  return events;
}
