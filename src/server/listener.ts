/** What listens on one address. */
import { once } from 'node:events';
import { createServer, type Server, type Socket } from 'node:net';
import { formatAddress, type Address } from '../address/address.js';
import { errnoOf, ServerError } from './error.js';
import { removeSocketFile, type SocketFile } from './socket-file.js';

/**
 * Connections that wait to be accepted: all clients of a server that was restarted come at once. On a unix
 * socket one too many is refused (EAGAIN); the kernel may allow fewer, see net.core.somaxconn.
 */
export const BACKLOG = 4096;

export class Listener {
  readonly #server: Server;
  readonly #waiting: Socket[] = [];
  #open: ((connection: Socket) => void) | null = null;

  constructor(
    /** The real one: with the port that was given. */
    readonly address: Address,
    server: Server,
    /** Set for a unix socket. */
    readonly file: SocketFile | null,
  ) {
    this.#server = server;
    server.on('connection', (connection: Socket) => {
      if (this.#open === null) this.#waiting.push(connection);
      else this.#open(connection);
    });
  }

  /** Hands over each connection, paused, those that came before too. */
  open(handler: (connection: Socket) => void): void {
    this.#open = handler;
    for (const connection of this.#waiting.splice(0)) handler(connection);
  }

  /** `handler` is called for each connection that is closed as there are as many as allowed. */
  onDrop(handler: () => void): void {
    this.#server.on('drop', handler);
  }

  /** No further connections. Those that are there go on. */
  close(): void {
    this.#server.close();
    for (const connection of this.#waiting.splice(0)) connection.destroy();
  }

  /** Closes it and removes its file, which needs the rights that it was made with. */
  withdraw(): void {
    this.close();
    if (this.file !== null) removeSocketFile(this.file);
  }
}

/**
 * Nobody is answered before open(): connections come in paused. One beyond `connectionsMax` is closed at once:
 * file descriptors are finite.
 */
export function createListener(connectionsMax: number): Server {
  const server = createServer({ pauseOnConnect: true, noDelay: true });
  server.maxConnections = connectionsMax;
  return server;
}

/** Throws ServerError IN_USE or LISTEN. */
export async function listening(server: Server, address: Address): Promise<void> {
  try {
    await once(server, 'listening');
  } catch (cause) {
    throw listenError(address, cause);
  }
}

const REASONS: Readonly<Record<string, string>> = {
  EACCES: 'permission denied',
  EPERM: 'permission denied',
  EADDRINUSE: 'already in use',
  EADDRNOTAVAIL: 'this host has no such address',
  EAFNOSUPPORT: 'this host has no such address',
  ENOENT: 'the directory does not exist',
  ENOTDIR: 'the directory does not exist',
  ENOTFOUND: 'no such host',
  EROFS: 'the file system is read-only',
  ENAMETOOLONG: 'the path is too long',
};

/** The error of a system call as one line for people. */
export function listenError(address: Address, cause: unknown): ServerError {
  const errno = errnoOf(cause);
  const reason = (errno === null ? undefined : REASONS[errno]) ?? `cannot listen (${errno ?? ''})`;
  const code = errno === 'EADDRINUSE' ? 'IN_USE' : 'LISTEN';
  return new ServerError(code, `${formatAddress(address)}: ${reason}`, cause);
}
