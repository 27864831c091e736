/** TLS of connections before gRPC has them, with certificates that may be replaced at any time. */
import { constants, X509Certificate } from 'node:crypto';
import type { Socket } from 'node:net';
import { createSecureContext, createServer, type Server, type TLSSocket } from 'node:tls';
import { ServerError } from './error.js';

/** PEM. */
export interface TlsFiles {
  readonly certificate: string;
  readonly key: string;
  /** Who issues certificates of clients. Null: they need none. */
  readonly clientCa: string | null;
}

/** Time for a handshake, milliseconds. */
const HANDSHAKE_MS = 10_000;

export class TlsGate {
  readonly #server: Server;

  /** `secured` gets each connection once it is. Throws ServerError FILE. */
  constructor(
    files: TlsFiles,
    events: {
      readonly secured: (connection: TLSSocket) => void;
      readonly refused: (error: Error, connection: TLSSocket) => void;
    },
    handshakeTimeout = HANDSHAKE_MS,
  ) {
    const isMutual = files.clientCa !== null;
    this.#server = createServer({
      ...contextOf(files),
      requestCert: isMutual,
      rejectUnauthorized: isMutual,
      ALPNProtocols: ['h2'],
      handshakeTimeout,
    });
    this.#server.on('secureConnection', events.secured);
    this.#server.on('tlsClientError', (error, connection) => {
      events.refused(error, connection);
      // One that says nothing would stay: Node tells of the timeout, and does no more.
      connection.destroy();
    });
  }

  accept(connection: Socket): void {
    this.#server.emit('connection', connection);
  }

  /** For connections from now on. Throws ServerError FILE: then the former ones stay. */
  replace(files: TlsFiles): void {
    this.#server.setSecureContext(contextOf(files));
  }
}

function contextOf({ certificate, key, clientCa }: TlsFiles): {
  cert: string;
  key: string;
  ca?: string;
  minVersion: 'TLSv1.2';
  secureOptions: number;
} {
  const context = {
    cert: certificate,
    key,
    ...(clientCa === null ? {} : { ca: clientCa }),
    minVersion: 'TLSv1.2' as const,
    // Who resumes a session is not asked for a certificate again: not even when its issuer is gone by now.
    secureOptions: constants.SSL_OP_NO_TICKET,
  };
  check('tls-certificate', 'it is no certificate in PEM', () => new X509Certificate(certificate));
  // OpenSSL takes a file without any certificate for one of none.
  if (clientCa !== null) {
    check('tls-client-ca', 'it is no certificate in PEM', () => new X509Certificate(clientCa));
  }
  check('tls-key', 'it is no private key in PEM that fits the certificate', () =>
    createSecureContext(context),
  );
  return context;
}

function check(flag: string, why: string, work: () => unknown): void {
  try {
    work();
  } catch (cause) {
    const detail = cause instanceof Error ? ` (${cause.message})` : '';
    throw new ServerError('FILE', `--${flag}: ${why}${detail}`, cause);
  }
}
