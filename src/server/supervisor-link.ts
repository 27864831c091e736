/** The server's side of the IPC channel to the supervisor. See src/supervise/report.ts. */
import { Socket } from 'node:net';
import { z } from 'zod';
import { FILES } from './config.js';
import { ServerError } from './error.js';
import type { GivenFiles } from './given-files.js';
import type { SocketFile } from './socket-file.js';

export type Report =
  | { readonly type: 'alive' }
  | { readonly type: 'listening'; readonly sockets: readonly SocketFile[] }
  | { readonly type: 'probe_healthy'; readonly probe: number }
  | { readonly type: 'probe_failed'; readonly probe: number; readonly reason: string };

const ALIVE_MS = 1000;

const givenFile = z.strictObject({
  path: z.string(),
  text: z.string().nullable(),
  errno: z.string().nullable(),
});

const supervisorMessage = z.discriminatedUnion('type', [
  z.strictObject({ type: z.literal('probe'), probe: z.int().min(1) }),
  z.strictObject({
    type: z.literal('files'),
    files: z.partialRecord(z.enum(FILES), givenFile),
  }),
]);

export class SupervisorLink {
  readonly #alive: NodeJS.Timeout;
  /** Handlers for what came before they were there. */
  readonly #probes = new Inbox<readonly [probe: number, channel: Socket]>();
  readonly #files = new Inbox<GivenFiles>();

  /** Throws ServerError CONFIG when this process was not started by a supervisor. */
  constructor() {
    if (process.send === undefined) {
      throw new ServerError('CONFIG', 'the server is started by `tapmap serve`, not by itself');
    }
    // Whatever killed the supervisor, and be it a moment ago: nobody would end this process any more.
    if (!process.connected) process.exit(0);
    process.once('disconnect', () => {
      process.exit(0);
    });
    process.on('message', (message, handle) => {
      const result = supervisorMessage.safeParse(message);
      if (!result.success) return;
      if (result.data.type === 'files') this.#files.put(result.data.files);
      // The probe may have died on the way: then there is no handle.
      else if (handle instanceof Socket) this.#probes.put([result.data.probe, handle]);
    });
    this.#alive = setInterval(() => {
      this.report({ type: 'alive' });
    }, ALIVE_MS);
    this.report({ type: 'alive' });
  }

  report(report: Report): void {
    // A failure means that the supervisor is gone, which `disconnect` tells.
    if (process.connected) process.send?.(report, undefined, undefined, () => undefined);
  }

  /** Calls back with the stream of each new probe. */
  onProbe(adopt: (probe: number, channel: Socket) => void): void {
    this.#probes.open(([probe, channel]) => {
      adopt(probe, channel);
    });
  }

  /** The files of the configuration, once the supervisor has read them. */
  firstFiles(): Promise<GivenFiles> {
    return this.#files.next();
  }

  /** Calls back with all files whenever one has changed. */
  onFiles(take: (files: GivenFiles) => void): void {
    this.#files.open(take);
  }

  /** The process may end by itself now. */
  close(): void {
    clearInterval(this.#alive);
    process.removeAllListeners('disconnect');
    if (process.connected) process.disconnect();
  }
}

/** Keeps what comes until somebody takes it. */
class Inbox<Item> {
  readonly #waiting: Item[] = [];
  #take: ((item: Item) => void) | null = null;

  put(item: Item): void {
    if (this.#take === null) this.#waiting.push(item);
    else this.#take(item);
  }

  next(): Promise<Item> {
    return new Promise((resolve) => {
      const [item] = this.#waiting.splice(0, 1);
      if (item !== undefined) {
        resolve(item);
        return;
      }
      this.#take = (first) => {
        this.#take = null;
        resolve(first);
      };
    });
  }

  open(take: (item: Item) => void): void {
    this.#take = take;
    for (const item of this.#waiting.splice(0)) take(item);
  }
}
