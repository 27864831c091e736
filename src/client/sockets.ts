/**
 * The sockets of a channel, so that nothing is left of it. grpc-js has no way to give up a connection that is
 * still being made, which the kernel does only after two minutes; and one that is there it ends, and waits
 * for the other side to do so, too, which a server that is stopped never does. It does not hand out its
 * sockets, but Node tells of each socket as it is made (diagnostics_channel, `net.client.socket`), and for
 * whom is told by the asynchronous context that it is made in.
 */
import { AsyncLocalStorage } from 'node:async_hooks';
import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { Socket } from 'node:net';

const CHANNEL = 'net.client.socket';

export class ChannelSockets {
  readonly #sockets = new Set<Socket>();
  readonly #context = new AsyncLocalStorage<true>();
  #destroyed = false;

  readonly #note = (message: unknown): void => {
    if (this.#context.getStore() !== true) return;
    const { socket } = message as { readonly socket: unknown };
    if (!(socket instanceof Socket)) return;
    this.#sockets.add(socket);
    socket.once('close', () => this.#sockets.delete(socket));
    if (this.#destroyed) socket.destroy();
  };

  /** Runs `open`; the sockets that it makes, now or later, are noted until connected(). */
  noting<T>(open: () => T): T {
    subscribe(CHANNEL, this.#note);
    return this.#context.run(true, open);
  }

  /** No more are made: contexts cost a little, in all of the program. */
  connected(): void {
    unsubscribe(CHANNEL, this.#note);
    this.#context.disable();
  }

  /** Those, too, that are just about to be made. */
  destroy(): void {
    this.#destroyed = true;
    for (const socket of this.#sockets) socket.destroy();
    setImmediate(() => {
      this.connected();
    });
  }
}
