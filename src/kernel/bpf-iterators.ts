/**
 * Open files and tasks as BPF iterators tell them: bpf/finder.bpf.c, whose records these are. The
 * kernel filters, so that only what is asked for comes out: one read(2) for thousands of descriptors.
 */
import { read as readCallback, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { close } from './descriptor.js';
import { KernelError } from './kernel-error.js';
import { BpfObject, openIteration } from './libbpf.js';
import type { NsfsDevice } from './netns.js';

/** Built by `npm run build:bpf`; the same place seen from the sources and from what is built. */
export const BPF_OBJECT = fileURLToPath(new URL('../../dist/bpf/finder.bpf.o', import.meta.url));

/** The device that a file is attached to, read from the kernel's own structures. */
export interface KernelAttachment {
  /** Inode of the network namespace that the device is in. */
  readonly netns: number;
  /** Cookie of that namespace, in decimal; null where the kernel has none. */
  readonly netnsCookie: string | null;
  readonly ifindex: number;
  /** Its bytes, one character (latin1) each. */
  readonly name: string;
  /** Layer 2 rather than layer 3. */
  readonly tap: boolean;
  readonly detached: boolean;
  /** Inode of the network namespace in which the file was opened. */
  readonly openedNetns: number;
}

/** What the kernel's own structures say of an open file. */
export interface KernelSight {
  /** Tells open files apart while they are open. */
  readonly file: bigint;
  /** Of the process: clock ticks since boot, as field 22 of /proc/PID/stat. */
  readonly startTime: number;
  /** Null when it is attached to none; undefined when that is not known. */
  readonly attachment: KernelAttachment | null | undefined;
}

/** A descriptor of a device node that was looked for, or of a namespace. */
export interface OpenFileRecord {
  readonly pid: number;
  /** Thread whose table it is in; the process itself unless the table is the thread's own. */
  readonly tid: number;
  readonly fd: number;
  /** Tells descriptor tables apart while they live. */
  readonly table: bigint;
  /** Device number of the node; null for a namespace. */
  readonly device: { readonly major: number; readonly minor: number } | null;
  readonly sight: KernelSight;
  /** Of the node, or of the namespace. */
  readonly inode: number;
}

/** A process, or a thread of it that is in other namespaces. */
export interface TaskRecord {
  readonly pid: number;
  readonly tid: number;
  /** Inodes; null when it has none any more. */
  readonly netns: number | null;
  readonly mountNamespace: number | null;
}

/** As in FdTargets of proc-fd.ts. */
export interface OpenFileTargets {
  readonly major: number;
  readonly minor: number;
  readonly majors: readonly number[];
  readonly nsfs: NsfsDevice;
}

const read = promisify(readCallback);

/** The kernel hands out 8 pages at a time at most (bpf_iter_prepare of kernel/bpf/bpf_iter.c). */
const CHUNK = 64 * 1024;
/** How many reads of one iteration are asked for at once. */
const READS = 8;

export class BpfIterators {
  readonly #object: BpfObject;
  readonly #files: number;
  readonly #tasks: number;

  private constructor(object: BpfObject) {
    this.#object = object;
    this.#files = object.attachIterator('find_files');
    this.#tasks = object.attachIterator('find_tasks');
  }

  /**
   * Loads the object `file` into the kernel. Throws KernelError as BpfObject.load does, and the error of node:fs
   * when the file cannot be read.
   */
  static load(file = BPF_OBJECT): BpfIterators {
    const object = BpfObject.load(readFileSync(file));
    try {
      return new BpfIterators(object);
    } catch (error) {
      object.close();
      throw error;
    }
  }

  /** Every open file that is wanted, of all tasks of this pid namespace. Throws KernelError. */
  async openFiles(targets: OpenFileTargets): Promise<OpenFileRecord[]> {
    this.#object.setVariables(encodeTargets(targets));
    return parseOpenFiles(await iterate(this.#files, OPEN_FILES));
  }

  /** Every process of this pid namespace. Throws KernelError. */
  async tasks(): Promise<TaskRecord[]> {
    return parseTasks(await iterate(this.#tasks, TASKS));
  }

  close(): void {
    this.#object.close();
  }
}

/**
 * Reads one iteration to its end, not on this thread: it takes as long as there are files. Several reads
 * are under way at once, so that it goes on while this thread is at work. The kernel lets one read at a
 * time, in no order, and each gets whole records.
 */
async function iterate(linkFd: number, layout: Layout): Promise<Buffer> {
  const fd = openIteration(linkFd);
  try {
    const chunks: Buffer[] = [];
    while (true) {
      // All of them have to end before the descriptor is closed.
      const reads = await Promise.allSettled(
        Array.from({ length: READS }, () => readChunk(fd, layout)),
      );
      let isOver = false;
      for (const read of reads) {
        if (read.status === 'rejected') throw read.reason;
        if (read.value === null) continue;
        if (read.value.length === 0) isOver = true;
        else chunks.push(read.value);
      }
      if (isOver) return Buffer.concat(inOrder(chunks, layout));
    }
  } finally {
    close(fd);
  }
}

/** Of the records of an iteration: size, and where they have the number of the task and of the descriptor. */
interface Layout {
  readonly size: number;
  readonly tid: number;
  readonly fd: number | null;
}

/** Iterators go by the number of the task (task_seq_get_next of kernel/bpf/task_iter.c), then of the descriptor. */
function inOrder(chunks: readonly Buffer[], { tid, fd }: Layout): Buffer[] {
  return [...chunks].sort(
    (a, b) =>
      a.readUInt32LE(tid) - b.readUInt32LE(tid) ||
      (fd === null ? 0 : a.readUInt32LE(fd) - b.readUInt32LE(fd)),
  );
}

/** Empty at the end; null where it goes on without anything to tell of. */
async function readChunk(fd: number, { size }: Layout): Promise<Buffer | null> {
  // Where pages are large a read may not get all that there is, and then it ends where a record does.
  const chunk = Buffer.allocUnsafeSlow(CHUNK - (CHUNK % size));
  try {
    const { bytesRead } = await read(fd, chunk, 0, chunk.length, null);
    return chunk.subarray(0, bytesRead);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === undefined) throw error;
    // A million files without one to tell of (MAX_ITER_OBJECTS): it goes on where it is.
    if (code === 'EAGAIN') return null;
    throw new KernelError('read of a BPF iterator', code);
  }
}

// MINORBITS of include/linux/kdev_t.h
const MINOR_BITS = 20;
const MINOR_MASK = (1 << MINOR_BITS) - 1;
const MAJORS = 4;

function encodeTargets({ major, minor, majors, nsfs }: OpenFileTargets): Buffer {
  if (majors.length > MAJORS) throw new RangeError(`more than ${MAJORS} drivers`);
  const bytes = Buffer.alloc((2 + MAJORS) * 4);
  bytes.writeUInt32LE(((major << MINOR_BITS) | minor) >>> 0, 0);
  bytes.writeUInt32LE(((nsfs.major << MINOR_BITS) | nsfs.minor) >>> 0, 4);
  majors.forEach((one, i) => bytes.writeUInt32LE(one, 8 + i * 4));
  return bytes;
}

const OPEN_FILE_SIZE = 88;
const OPEN_FILES: Layout = { size: OPEN_FILE_SIZE, tid: 36, fd: 40 };
const NAME = 72;
const IFNAMSIZ = 16;
/** Nanoseconds of a clock tick of /proc: USER_HZ is 100 on both architectures. */
const TICK = 10_000_000n;

const KNOWN = 1;
const ATTACHED = 2;
const TAP = 4;
const DETACHED = 8;

export function parseOpenFiles(bytes: Buffer): OpenFileRecord[] {
  // Neighbours are of one process, as a rule.
  let started = 0n;
  let startTime = 0;
  const startTimeAt = (at: number) => {
    const nanoseconds = bytes.readBigUInt64LE(at);
    if (nanoseconds !== started) {
      started = nanoseconds;
      startTime = Number(nanoseconds / TICK);
    }
    return startTime;
  };
  return recordsOf(bytes, OPEN_FILE_SIZE, (at) => {
    const device = bytes.readUInt32LE(at + 44);
    return {
      table: bytes.readBigUInt64LE(at),
      inode: numberAt(bytes, at + 16),
      pid: bytes.readUInt32LE(at + 32),
      tid: bytes.readUInt32LE(at + 36),
      fd: bytes.readUInt32LE(at + 40),
      sight: {
        file: bytes.readBigUInt64LE(at + 8),
        startTime: startTimeAt(at + 24),
        attachment: attachmentAt(bytes, at),
      },
      device: device === 0 ? null : { major: device >>> MINOR_BITS, minor: device & MINOR_MASK },
    };
  });
}

function attachmentAt(bytes: Buffer, at: number): KernelAttachment | null | undefined {
  const flags = bytes.readUInt32LE(at + 68);
  if ((flags & KNOWN) === 0) return undefined;
  if ((flags & ATTACHED) === 0) return null;
  const cookie = numberAt(bytes, at + 48);
  const name = bytes.subarray(at + NAME, at + NAME + IFNAMSIZ);
  const end = name.indexOf(0);
  return {
    netns: bytes.readUInt32LE(at + 56),
    netnsCookie: cookie === 0 ? null : exactText(bytes, at + 48, cookie),
    ifindex: bytes.readUInt32LE(at + 64),
    name: name.toString('latin1', 0, end === -1 ? IFNAMSIZ : end),
    tap: (flags & TAP) !== 0,
    detached: (flags & DETACHED) !== 0,
    openedNetns: bytes.readUInt32LE(at + 60),
  };
}

/** 64 bits, exact up to 2^53. */
function numberAt(bytes: Buffer, at: number): number {
  return bytes.readUInt32LE(at) + bytes.readUInt32LE(at + 4) * 2 ** 32;
}

function exactText(bytes: Buffer, at: number, number: number): string {
  return Number.isSafeInteger(number) ? String(number) : bytes.readBigUInt64LE(at).toString();
}

const TASK_SIZE = 16;
const TASKS: Layout = { size: TASK_SIZE, tid: 4, fd: null };

export function parseTasks(bytes: Buffer): TaskRecord[] {
  const inodeAt = (at: number) => bytes.readUInt32LE(at) || null;
  return recordsOf(bytes, TASK_SIZE, (at) => ({
    pid: bytes.readUInt32LE(at),
    tid: bytes.readUInt32LE(at + 4),
    netns: inodeAt(at + 8),
    mountNamespace: inodeAt(at + 12),
  }));
}

/** Throws RangeError when the bytes are no whole number of records. */
function recordsOf<T>(bytes: Buffer, size: number, recordAt: (at: number) => T): T[] {
  if (bytes.length % size !== 0) {
    throw new RangeError(`${bytes.length} bytes are no whole number of records of ${size}`);
  }
  const records: T[] = [];
  for (let at = 0; at < bytes.length; at += size) records.push(recordAt(at));
  return records;
}
