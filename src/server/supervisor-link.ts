/** The server's side of the IPC channel to the supervisor. See src/supervise/report.ts. */
import { Socket } from 'node:net';
import { z } from 'zod';
import { ServerError } from './error.js';
import type { SocketFile } from './socket-file.js';

export type Report =
  | { readonly type: 'alive' }
  | { readonly type: 'listening'; readonly sockets: readonly SocketFile[] }
  | { readonly type: 'probe_healthy'; readonly probe: number }
  | { readonly type: 'probe_failed'; readonly probe: number; readonly reason: string };

const ALIVE_MS = 1000;

const probeMessage = z.strictObject({ type: z.literal('probe'), probe: z.int().min(1) });

export class SupervisorLink {
  readonly #alive: NodeJS.Timeout;

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
    process.on('message', (message, handle) => {
      const result = probeMessage.safeParse(message);
      // The probe may have died on the way: then there is no handle.
      if (result.success && handle instanceof Socket) adopt(result.data.probe, handle);
    });
  }

  /** The process may end by itself now. */
  close(): void {
    clearInterval(this.#alive);
    process.removeAllListeners('disconnect');
    if (process.connected) process.disconnect();
  }
}
