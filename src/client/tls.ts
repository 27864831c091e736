/** TLS of a connection: whom to trust, and who this client is. */
import { createPrivateKey, X509Certificate } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { credentials, type ChannelCredentials, type ChannelOptions } from '@grpc/grpc-js';
import { invalidOption } from './error.js';

/**
 * PEM: a string is the path of a file, bytes are its content. Files are read anew for each
 * connection, so that after a renewal the next one uses what is there then.
 */
export type Pem = string | Uint8Array;

export interface TlsOptions {
  /** Certificates of the authorities to trust. Default: those that Node trusts. */
  readonly ca?: Pem | undefined;
  /** Certificate of this client, with its chain, for servers that ask for one. Needs `key`. */
  readonly certificate?: Pem | undefined;
  /** Private key of `certificate`. */
  readonly key?: Pem | undefined;
  /** Name that the certificate of the server has to have. Default: the host of the address. */
  readonly serverName?: string | undefined;
}

/** What can be told without reading a file. Throws TapmapError INVALID_OPTION. */
export function checkTlsOptions({ certificate, key, serverName }: TlsOptions): void {
  if (certificate !== undefined && key === undefined) {
    throw invalidOption('tls.key', 'is needed with a certificate');
  }
  if (key !== undefined && certificate === undefined) {
    throw invalidOption('tls.certificate', 'is needed with a key');
  }
  if (serverName === '') throw invalidOption('tls.serverName', 'is empty');
}

/** Reads the files. Throws TapmapError INVALID_OPTION. */
export async function tlsCredentials(tls: TlsOptions): Promise<ChannelCredentials> {
  const [ca, certificate, key] = await Promise.all([
    read('tls.ca', tls.ca),
    read('tls.certificate', tls.certificate),
    read('tls.key', tls.key),
  ]);
  // OpenSSL takes any text for authorities, and then trusts nobody.
  if (ca !== null) usable('tls.ca', () => new X509Certificate(ca));
  if (certificate !== null) usable('tls.certificate', () => new X509Certificate(certificate));
  if (key !== null) usable('tls.key', () => createPrivateKey(key));
  return usable('tls.certificate', () => credentials.createSsl(ca, key, certificate));
}

/** What grpc-js has to know beside the credentials. */
export function tlsChannelOptions({ serverName }: TlsOptions): ChannelOptions {
  if (serverName === undefined) return {};
  return { 'grpc.ssl_target_name_override': serverName, 'grpc.default_authority': serverName };
}

function usable<T>(field: string, take: () => T): T {
  try {
    return take();
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    throw invalidOption(field, `cannot be used: ${why}`, error);
  }
}

async function read(field: string, pem: Pem | undefined): Promise<Buffer | null> {
  if (pem === undefined) return null;
  if (typeof pem !== 'string') return Buffer.from(pem);
  try {
    return await readFile(pem);
  } catch (error) {
    const { code = String(error) } = error as NodeJS.ErrnoException;
    throw invalidOption(field, `${JSON.stringify(pem)} cannot be read: ${code}`, error);
  }
}
