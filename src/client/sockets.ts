/**
 * The sockets of a channel. grpc-js ends a connection and then waits for the other side to end it, too:
 * a server that is stopped never does, and each connection to it would stay. So they are noted here,
 * as they pass through what makes them secure, and destroyed in the end.
 */
import type { Socket } from 'node:net';
import type { ChannelCredentials } from '@grpc/grpc-js';

export class ChannelSockets {
  readonly #sockets = new Set<Socket>();
  #destroyed = false;

  /** From now on notes the sockets of channels with these credentials, which are for one channel only. */
  constructor(credentials: ChannelCredentials) {
    const original = credentials._createSecureConnector.bind(credentials);
    credentials._createSecureConnector = (...target) => {
      const connector = original(...target);
      const connect = connector.connect.bind(connector);
      connector.connect = (socket) => {
        this.#note(socket);
        return connect(socket);
      };
      return connector;
    };
  }

  /** Those, too, that were just about to come. */
  destroy(): void {
    this.#destroyed = true;
    for (const socket of this.#sockets) socket.destroy();
  }

  #note(socket: Socket): void {
    if (this.#destroyed) socket.destroy();
    this.#sockets.add(socket);
    socket.once('close', () => this.#sockets.delete(socket));
  }
}
