/** What the supervisor starts the server with: one argument of JSON. */
import { z } from 'zod';
import { formatAddress, isLoopback, parseAddress, type Address } from '../address/address.js';
import { AddressError } from '../address/error.js';
import { ServerError } from './error.js';

const milliseconds = z.int().min(1).max(3_600_000);

const schema = z.strictObject({
  /** Addresses as text. */
  listen: z.array(z.string()).min(1).max(32),
  /** Whom to become when started as root; null: the default. */
  user: z.string().min(1).nullable(),
  logLevel: z.enum(['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent']),
  /** Whether clients find the first address by themselves. */
  isDefaultAddress: z.boolean(),
  /** How long a probe that has spoken may be silent. */
  probeSilence: milliseconds.default(5000),
  /** How long calls may take to end when the server drains. */
  drainGrace: milliseconds.default(5000),
});

export interface Config extends Omit<z.infer<typeof schema>, 'listen'> {
  readonly listen: readonly Address[];
}

/** Throws ServerError CONFIG or ADDRESS. */
export function parseConfig(json: string): Config {
  let value: unknown;
  try {
    value = JSON.parse(json);
  } catch (cause) {
    throw new ServerError('CONFIG', 'configuration: not JSON', cause);
  }
  const result = schema.safeParse(value);
  if (!result.success) {
    const [issue] = result.error.issues;
    const field = issue?.path.join('.') ?? '';
    throw new ServerError('CONFIG', `configuration: ${field}: ${issue?.message ?? ''}`);
  }
  return { ...result.data, listen: result.data.listen.map(listenAddress) };
}

function listenAddress(text: string): Address {
  let address: Address;
  try {
    address = parseAddress(text);
  } catch (error) {
    if (error instanceof AddressError) throw new ServerError('ADDRESS', error.message, error);
    throw error;
  }
  if (address.kind === 'tcp' && !isLoopback(address.host)) {
    throw new ServerError(
      'ADDRESS',
      `${formatAddress(address)}: TLS is not there yet, so TCP is for loopback alone: ` +
        'tcp://127.0.0.1:PORT, tcp://[::1]:PORT or tcp://localhost:PORT',
    );
  }
  return address;
}
