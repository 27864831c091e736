/**
 * Files in which container engines and hypervisors keep their state. What is in them is theirs, not
 * ours: only regular files of a bounded size are opened, and no link is followed below a state directory.
 * What cannot be read, or not be understood, is as good as not there.
 */
import { fstatSync, readdirSync, readSync } from 'node:fs';
import { close, open, O_DIRECTORY, O_PATH, O_RDONLY } from '../kernel/descriptor.js';
import { isKernelError } from '../kernel/kernel-error.js';
import { openBeneath, openInRoot } from '../kernel/openat2.js';

/** The largest are lists of all containers; what is larger is not read. */
const BYTES_MAX = 8 * 1024 * 1024;
/** As many entries of one directory are looked at. */
const NAMES_MAX = 4096;
/** Milliseconds; longer than a step of any clock that the kernel has for it. */
const STEP = 1000;

interface Remembered {
  /** Device, inode, size and times: the same ones are the same content. */
  readonly status: string;
  readonly parse: Parse<unknown>;
  readonly value: unknown;
  used: boolean;
}

/** Pure. May throw at what is not of its format. */
export type Parse<T> = (bytes: Buffer) => T;

export type Presence = 'there' | 'absent' | 'unknown';

export class StateFiles {
  readonly #remembered = new Map<string, Remembered>();
  /** Names in directories, and directories that are not there: as long as no other code runs. */
  readonly #glance = new Map<string, string[] | null>();

  /** `root` is the root directory of the host: `/`, `/proc/1/root`, or that of a tree of fixtures. */
  constructor(private readonly root: string) {}

  /**
   * What `parse` makes of `file`, a path relative to `directory`. Null when it is not there, not to be
   * read, or not of the format. Parsed again only when its status has changed.
   */
  read<T>(directory: string, file: string, parse: Parse<T>): T | null {
    const key = `${directory}/${file}`;
    const status = this.#at(directory, file, (fd) => {
      const { dev, ino, size, mtimeNs, ctimeNs, ctimeMs } = fstatSync(fd, { bigint: true });
      const now = [dev, ino, size, mtimeNs, ctimeNs].join();
      const before = this.#remembered.get(key);
      if (before?.status === now && before.parse === parse) {
        before.used = true;
        return;
      }
      // Times of files have steps: within one, a file may change and keep its times.
      const isFresh = Math.abs(Date.now() - Number(ctimeMs)) < STEP;
      const value = parsed(fd, parse);
      this.#remembered.set(key, { status: isFresh ? '' : now, parse, value, used: true });
    });
    if (status !== 'there') {
      this.#remembered.delete(key);
      return null;
    }
    // Its `parse` is this one, so its value is what that returned.
    return this.#remembered.get(key)!.value as T | null;
  }

  /** Names in a directory; none when it is not there, null when it is not to be seen. */
  names(directory: string): string[] | null {
    const seen = this.#glance.get(directory);
    if (seen !== undefined) return seen;
    let names: string[] = [];
    const presence = this.#at(directory, '.', (fd) => {
      names = readdirSync(`/proc/thread-self/fd/${fd}`).slice(0, NAMES_MAX);
    });
    return this.#see(directory, presence === 'unknown' ? null : names);
  }

  /** Whether `name` is in a directory; `unknown` when that is not to be seen. */
  presence(directory: string, name: string): Presence {
    return this.#at(directory, name, () => undefined);
  }

  /** Forgets what was not read since the last sweep. */
  sweep(): void {
    for (const [key, remembered] of this.#remembered) {
      if (!remembered.used) this.#remembered.delete(key);
      remembered.used = false;
    }
  }

  /** Hundreds of processes are told in one go, of which most have nothing to do with most directories. */
  #see(directory: string, names: string[] | null): string[] | null {
    if (this.#glance.size === 0) {
      queueMicrotask(() => {
        this.#glance.clear();
      });
    }
    this.#glance.set(directory, names);
    return names;
  }

  /** Opened with O_PATH: looking at a device node or a pipe has effects, and a pipe may hang. */
  #at(directory: string, path: string, look: (fd: number) => void): Presence {
    if (this.#glance.get(directory)?.length === 0) return 'absent';
    const opened: number[] = [];
    let isDirectory = false;
    const keep = (fd: number): number => {
      opened.push(fd);
      return fd;
    };
    try {
      const root = keep(open(this.root, O_PATH | O_DIRECTORY));
      const state = keep(openInRoot(root, directory, O_PATH | O_DIRECTORY));
      isDirectory = true;
      look(keep(openBeneath(state, path, O_PATH)));
      return 'there';
    } catch (error) {
      if (isKernelError(error, 'ENOENT', 'ENOTDIR')) {
        if (!isDirectory) this.#see(directory, []);
        return 'absent';
      }
      if (isKernelError(error) || isSystemError(error)) return 'unknown';
      throw error;
    } finally {
      for (const fd of opened) close(fd);
    }
  }
}

/** Null for what is no regular file, is too large, or is not of the format. */
function parsed<T>(pathFd: number, parse: Parse<T>): T | null {
  const status = fstatSync(pathFd);
  if (!status.isFile() || status.size > BYTES_MAX) return null;
  const fd = open(`/proc/thread-self/fd/${pathFd}`, O_RDONLY);
  try {
    // One byte more than there should be: then it has grown while it was read.
    const buffer = Buffer.alloc(status.size + 1);
    let length = 0;
    while (length < buffer.length) {
      const got = readSync(fd, buffer, length, buffer.length - length, null);
      if (got === 0) break;
      length += got;
    }
    if (length !== status.size) return null;
    return parse(buffer.subarray(0, length));
  } catch (error) {
    if (isKernelError(error) || isSystemError(error)) throw error;
    // Not of the format.
    return null;
  } finally {
    close(fd);
  }
}

function isSystemError(error: unknown): error is NodeJS.ErrnoException {
  return error instanceof Error && 'syscall' in error;
}
