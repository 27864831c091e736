/** Which server to speak to, and how. */
import { AddressError } from '../address/error.js';
import { dialTarget, isLoopback, parseAddress, type Address } from '../address/address.js';
import { defaultAddress } from '../address/default.js';
import { invalidOption } from './error.js';
import { checkTlsOptions, type TlsOptions } from './tls.js';

export interface ServerOptions {
  /**
   * `unix:///PATH` or `tcp://HOST:PORT`. Default: `$TAPMAP_ADDRESS`, else
   * `unix:///run/tapmap/tapmap.sock` for root and `$XDG_RUNTIME_DIR/tapmap/tapmap.sock` for others.
   */
  readonly address?: string | undefined;
  /**
   * TLS, for tcp addresses only. Default: none on loopback (127.0.0.0/8, ::1, localhost), and
   * anywhere else TLS with the authorities that Node trusts.
   */
  readonly tls?: TlsOptions | undefined;
}

/** A server that can be connected to. */
export interface Server {
  /** As given, for people. */
  readonly address: string;
  /** As grpc-js takes it. */
  readonly target: string;
  /** Null: plaintext. */
  readonly tls: TlsOptions | null;
}

export interface Surroundings {
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Effective user id. */
  readonly uid: number;
  /** How people give an address there, for the error of having no default. */
  readonly addressOption: string;
}

/** Throws TapmapError INVALID_OPTION. */
export function serverOf(options: ServerOptions, surroundings = ofThisProcess()): Server {
  const { text, address } = addressOf(options.address, surroundings);
  const { tls } = options;
  if (address.kind === 'unix') {
    if (tls !== undefined) throw invalidOption('tls', `is for tcp:// addresses, not for ${text}`);
    return { address: text, target: dialTarget(address), tls: null };
  }
  if (tls !== undefined) checkTlsOptions(tls);
  const plain = tls === undefined && isLoopback(address.host);
  return { address: text, target: dialTarget(address), tls: plain ? null : (tls ?? {}) };
}

function addressOf(
  given: string | undefined,
  { env, uid, addressOption }: Surroundings,
): { readonly text: string; readonly address: Address } {
  const fromEnv = env['TAPMAP_ADDRESS'] ?? '';
  const field = given === undefined && fromEnv !== '' ? 'TAPMAP_ADDRESS' : 'address';
  try {
    const text = given ?? (fromEnv === '' ? defaultAddress(env, uid, addressOption) : fromEnv);
    const address = parseAddress(text);
    if (address.kind === 'tcp' && address.port === 0) {
      throw new AddressError('PORT', `${JSON.stringify(text)}: there is no port 0 to connect to`);
    }
    return { text, address };
  } catch (error) {
    if (error instanceof AddressError) throw invalidOption(field, error.message, error);
    throw error;
  }
}

function ofThisProcess(): Surroundings {
  return { env: process.env, uid: process.geteuid?.() ?? 0, addressOption: 'address' };
}
