/**
 * Files that are read for the server, which has given up the right to: private keys above all. What is in
 * them is not looked at here.
 */
import { constants } from 'node:fs';
import { open, stat } from 'node:fs/promises';

/** Path by name. */
export type FilePaths = Readonly<Record<string, string>>;

/** What is in a file, or the symbolic errno that says why it could not be read. */
interface GivenFile {
  readonly path: string;
  readonly text: string | null;
  readonly errno: string | null;
}

export type GivenFiles = Readonly<Record<string, GivenFile>>;

const SIZE_MAX = 1024 * 1024;

/** Looks every `interval` milliseconds whether a file is another one, or has changed. */
export class FileReader {
  readonly #paths: FilePaths;
  readonly #interval: number;
  readonly #give: (files: GivenFiles) => void;
  readonly #ending = new AbortController();
  #timer: NodeJS.Timeout | null = null;
  #given = '';

  /** `give` is called with all of the files: at first, and when one has changed. */
  constructor(paths: FilePaths, interval: number, give: (files: GivenFiles) => void) {
    this.#paths = paths;
    this.#interval = interval;
    this.#give = give;
    if (Object.keys(paths).length > 0) void this.#start();
  }

  stop(): void {
    this.#ending.abort();
    if (this.#timer !== null) clearTimeout(this.#timer);
  }

  async #start(): Promise<void> {
    const state = await this.#state();
    await this.#read();
    this.#plan(state, state);
  }

  /** A file that is being written must not be read half: so only what has stayed the same for a while. */
  #plan(read: string, before: string): void {
    if (this.#ending.signal.aborted) return;
    this.#timer = setTimeout(() => {
      void this.#look(read, before);
    }, this.#interval);
  }

  async #look(read: string, before: string): Promise<void> {
    const now = await this.#state();
    const isSettled = now === before;
    if (isSettled && now !== read) await this.#read();
    this.#plan(isSettled ? now : read, now);
  }

  async #read(): Promise<void> {
    const files = Object.fromEntries(
      await Promise.all(
        Object.entries(this.#paths).map(async ([name, path]) => [name, await read(path)] as const),
      ),
    );
    const text = JSON.stringify(files);
    if (this.#ending.signal.aborted || text === this.#given) return;
    this.#given = text;
    this.#give(files);
  }

  async #state(): Promise<string> {
    return (await Promise.all(Object.values(this.#paths).map(stateOf))).join(';');
  }
}

/** Differs when the file is another one or was written to. */
async function stateOf(path: string): Promise<string> {
  try {
    const { dev, ino, size, mtimeNs, ctimeNs } = await stat(path, { bigint: true });
    return [dev, ino, size, mtimeNs, ctimeNs].join(' ');
  } catch (error) {
    return errnoOf(error);
  }
}

async function read(path: string): Promise<GivenFile> {
  try {
    // A FIFO would block.
    const file = await open(path, constants.O_RDONLY | constants.O_NONBLOCK);
    try {
      const stats = await file.stat();
      const fault = !stats.isFile() ? 'EINVAL' : stats.size > SIZE_MAX ? 'EFBIG' : null;
      if (fault !== null) return { path, text: null, errno: fault };
      return { path, text: await file.readFile('utf8'), errno: null };
    } finally {
      await file.close();
    }
  } catch (error) {
    return { path, text: null, errno: errnoOf(error) };
  }
}

function errnoOf(error: unknown): string {
  if (error instanceof Error && 'code' in error && typeof error.code === 'string') {
    return error.code;
  }
  throw error;
}
