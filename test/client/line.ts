/** What is between a client and its server: it can be cut, and lead to another server then. */
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer, connect, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';

export class Line {
  /** How many clients have connected. */
  connections = 0;
  /** Path of the socket of the server that new connections lead to; null: nobody is there. */
  target: string | null;
  readonly #directory: string;
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  /** Bytes to the client until it is cut. */
  #left = Infinity;

  private constructor(directory: string, target: string | null) {
    this.#directory = directory;
    this.target = target;
    this.#server = createServer((client) => {
      this.#accept(client);
    });
  }

  /** A line that goes with the test. `address`: of the server, as `unix:///PATH`. */
  static async to(test: TestContext, address: string | null): Promise<Line> {
    const directory = await mkdtemp(join(tmpdir(), 'tapmap-line-'));
    const line = new Line(directory, null);
    line.leadTo(address);
    await new Promise<void>((resolve) => line.#server.listen(line.#path, resolve));
    test.after(async () => {
      line.cut();
      await new Promise((resolve) => line.#server.close(resolve));
      await rm(directory, { recursive: true });
    });
    return line;
  }

  get address(): string {
    return `unix://${this.#path}`;
  }

  get #path(): string {
    return join(this.#directory, 'line');
  }

  /** Whether a client has a connection. */
  get isOpen(): boolean {
    return this.#sockets.size > 0;
  }

  /** Whether nothing passes any more, and nothing ever will. */
  isFrozen = false;

  /** From now on nothing passes, and nobody is told. */
  freeze(): void {
    this.isFrozen = true;
    for (const socket of this.#sockets) {
      socket.unpipe();
      socket.removeAllListeners('data').removeAllListeners('drain').pause();
    }
  }

  leadTo(address: string | null): void {
    this.target = address === null ? null : address.slice('unix://'.length);
  }

  /** Breaks all connections. */
  cut(): void {
    this.#left = Infinity;
    for (const socket of this.#sockets) socket.destroy();
    this.#sockets.clear();
  }

  /** Breaks them in the middle of what comes, when so many bytes of the server have passed. */
  cutAfter(bytes: number): void {
    this.#left = bytes;
  }

  #accept(client: Socket): void {
    this.connections++;
    client.on('error', () => undefined);
    if (this.isFrozen) {
      this.#sockets.add(client.pause());
      return;
    }
    if (this.target === null) {
      client.destroy();
      return;
    }
    const server = connect(this.target).on('error', () => client.destroy());
    for (const socket of [client, server]) {
      this.#sockets.add(socket);
      socket.on('close', () => {
        this.#sockets.delete(socket);
        client.destroy();
        server.destroy();
      });
    }
    client.pipe(server);
    server.on('data', (chunk: Buffer) => {
      const passed = chunk.subarray(0, Math.min(chunk.length, this.#left));
      this.#left -= passed.length;
      // What goes through is taken as it comes, or a slow client would not slow the server down.
      if (!client.write(passed)) server.pause();
      if (this.#left <= 0)
        client.end(() => {
          this.cut();
        });
    });
    client.on('drain', () => server.resume());
  }
}
