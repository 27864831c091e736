/** From a listener's connection to gRPC: TLS where it is spoken, and who is at the other end. */
import type { Socket } from 'node:net';
import type { Logger } from 'pino';
import { peerText, type Peer } from '../access/peer.js';
import type { ConnectionPeers } from './connection-peers.js';
import { tcpPeer, unixPeer } from './connection-peers.js';
import { errnoOf } from './error.js';
import type { GrpcServer } from './grpc-server.js';
import type { Listener } from './listener.js';
import { TlsGate, type TlsFiles } from './tls-gate.js';

export class Entrance {
  readonly #grpc: GrpcServer;
  readonly #peers: ConnectionPeers;
  readonly #log: Logger;
  readonly #tls: TlsGate | null;

  /** Without `tls` TCP is plaintext. Throws ServerError FILE. */
  constructor(grpc: GrpcServer, peers: ConnectionPeers, tls: TlsFiles | null, log: Logger) {
    this.#grpc = grpc;
    this.#peers = peers;
    this.#log = log;
    this.#tls =
      tls === null
        ? null
        : new TlsGate(tls, {
            secured: (connection) => {
              this.#admit(connection, tcpPeer(connection));
            },
            refused: (error, { remoteAddress: address, remotePort: port }) => {
              log.info({ address, port, reason: errnoOf(error) ?? error.message }, 'TLS refused');
            },
          });
  }

  open(listener: Listener): void {
    listener.open((connection) => {
      // A connection may break at any time, before TLS is there, too.
      connection.on('error', () => undefined);
      if (listener.address.kind === 'unix') this.#admit(connection, unixPeer(connection));
      else if (this.#tls === null) this.#admit(connection, tcpPeer(connection));
      else this.#tls.accept(connection);
    });
  }

  /** For connections from now on. Throws ServerError FILE: then the former certificates stay. */
  replaceTls(files: TlsFiles): void {
    this.#tls?.replace(files);
  }

  #admit(connection: Socket, peer: Peer): void {
    this.#log.debug({ peer, who: peerText(peer) }, 'connected');
    this.#peers.add(connection, peer);
    this.#grpc.accept(connection);
  }
}
