/** Who is at the other end of each connection, and of each call on it. */
import { X509Certificate } from 'node:crypto';
import type { Socket } from 'node:net';
import { TLSSocket } from 'node:tls';
import { certificateNames } from '../access/certificate-names.js';
import type { Credentials, Peer } from '../access/peer.js';
import { isKernelError } from '../kernel/kernel-error.js';
import { peerCredentials, peerGroups } from '../kernel/socket-peer.js';

/** Asks the kernel, and so before the connection is read from. */
export function unixPeer(connection: Socket): Peer {
  // Node has no other way to it.
  const handle = Reflect.get(connection, '_handle') as { readonly fd?: number } | null;
  const fd = handle?.fd ?? -1;
  return { kind: 'unix', credentials: fd < 0 ? null : credentialsOf(fd) };
}

function credentialsOf(fd: number): Credentials | null {
  try {
    const { uid, gid, pid } = peerCredentials(fd);
    return { uid, pid, gids: [...new Set([gid, ...supplementary(fd)])] };
  } catch (error) {
    // It went away meanwhile: nobody then.
    if (isKernelError(error)) return null;
    throw error;
  }
}

function supplementary(fd: number): number[] {
  try {
    return peerGroups(fd);
  } catch (error) {
    if (isKernelError(error, 'ENOPROTOOPT')) return [];
    throw error;
  }
}

/** Of a TLS connection the certificate has been verified, if there is one. */
export function tcpPeer(connection: Socket): Peer {
  const { remoteAddress: address = '', remotePort: port = 0 } = connection;
  const isTls = connection instanceof TLSSocket;
  const raw = isTls && connection.authorized ? connection.getPeerX509Certificate()?.raw : undefined;
  const certificate = raw === undefined ? null : certificateNames(new X509Certificate(raw));
  return { kind: 'tcp', address, port, plaintext: !isTls, certificate };
}

interface Known {
  readonly connection: Socket;
  readonly peer: Peer;
}

export class ConnectionPeers {
  readonly #known = new Map<string, Known>();
  #connections = 0;

  /**
   * grpc-js tells of a call nothing but the address of its connection: so the connection is given one that
   * says which it is.
   */
  add(connection: Socket, peer: Peer): void {
    const key = `connection ${++this.#connections}`;
    Object.defineProperty(connection, 'remoteAddress', { value: key });
    Object.defineProperty(connection, 'remotePort', { value: undefined });
    this.#known.set(key, { connection, peer });
    connection.once('close', () => {
      this.#known.delete(key);
    });
  }

  /** Null: its connection is gone. */
  of(call: { getPeer(): string }): Peer | null {
    return this.#known.get(call.getPeer())?.peer ?? null;
  }

  /** Closes the connection of a call. */
  disconnect(call: { getPeer(): string }): void {
    this.#known.get(call.getPeer())?.connection.destroy();
  }
}
