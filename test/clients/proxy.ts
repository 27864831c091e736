// What stands between clients and server and can be cut, as a network would be: bytes go through unread.
import { once } from 'node:events';
import { createServer, connect, type AddressInfo, type Server, type Socket } from 'node:net';

export class Proxy {
  readonly #to: string;
  readonly #servers: Server[] = [];
  readonly #sockets = new Set<Socket>();
  #isCut = false;

  /** Leads to the unix socket `to`. */
  constructor(to: string) {
    this.#to = to;
  }

  /** Accepts connections at the unix socket `path`. Gives the address for clients. */
  async listenUnix(path: string): Promise<string> {
    await this.#listen({ path });
    return `unix://${path}`;
  }

  /** Accepts connections at a free port of 127.0.0.1. Gives the address for clients. */
  async listenTcp(): Promise<string> {
    const { port } = (await this.#listen({ host: '127.0.0.1', port: 0 })) as AddressInfo;
    return `tcp://127.0.0.1:${port}`;
  }

  async #listen(where: { path: string } | { host: string; port: number }): Promise<unknown> {
    const server = createServer((incoming) => {
      this.#join(incoming);
    });
    this.#servers.push(server);
    server.listen(where);
    await once(server, 'listening');
    return server.address();
  }

  #join(incoming: Socket): void {
    if (this.#isCut) {
      incoming.destroy();
      return;
    }
    const outgoing = connect(this.#to);
    for (const [one, other] of [
      [incoming, outgoing],
      [outgoing, incoming],
    ] as const) {
      this.#sockets.add(one);
      one.pipe(other);
      // What ends one side ends the other.
      one.on('error', () => other.destroy());
      one.on('close', () => {
        this.#sockets.delete(one);
        other.destroy();
      });
    }
  }

  /** Breaks all connections, and lets none come to be. */
  cut(): void {
    this.#isCut = true;
    for (const socket of this.#sockets) socket.destroy();
  }

  mend(): void {
    this.#isCut = false;
  }

  async close(): Promise<void> {
    this.cut();
    const closed = this.#servers.map((server) => once(server, 'close'));
    for (const server of this.#servers) server.close();
    await Promise.all(closed);
  }
}
