/** What the supervisor starts the server with: one argument of JSON. */
import { z } from 'zod';
import { formatAddress, isLoopback, parseAddress, type Address } from '../address/address.js';
import { AddressError } from '../address/error.js';
import { ServerError } from './error.js';

const milliseconds = z.int().min(1).max(3_600_000);

/** Named as the flags that name them. */
export const FILES = ['tls-certificate', 'tls-key', 'tls-client-ca', 'access-policy'] as const;
export type FileName = (typeof FILES)[number];

const schema = z.strictObject({
  /** Addresses as text. */
  listen: z.array(z.string()).min(1).max(32),
  /** Whom to become when started as root; null: the default. */
  user: z.string().min(1).nullable(),
  logLevel: z.enum(['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent']),
  /** Of unix sockets. */
  socket: z.strictObject({
    /** Permission bits. */
    mode: z.int().min(0).max(0o777),
    /** Name or id; null: who starts the server. */
    owner: z.string().nullable(),
    group: z.string().nullable(),
  }),
  /** The files whose content the supervisor hands over. */
  files: z.array(z.enum(FILES)),
  /** Whether TCP clients beyond loopback need no certificate. */
  withoutClientCertificates: z.boolean(),
  /** Watch streams at once. */
  maxWatchers: z.int().min(1),
  /** Address as text; null: no metrics. */
  metricsListen: z.string().nullable().default(null),
  /** Whether clients find the first address by themselves. */
  isDefaultAddress: z.boolean(),
  /** How long a probe that has spoken may be silent. */
  probeSilence: milliseconds.default(5000),
  /** How long a client may take nothing of what it was sent, before its call ends. */
  stallLimit: milliseconds.default(60_000),
  /** How long calls may take to end when the server drains. */
  drainGrace: milliseconds.default(5000),
});

export interface Config extends Omit<z.infer<typeof schema>, 'listen' | 'metricsListen'> {
  readonly listen: readonly Address[];
  readonly metricsListen: Address | null;
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
  const { listen, metricsListen } = result.data;
  const config = {
    ...result.data,
    listen: listen.map(addressOf),
    metricsListen: metricsListen === null ? null : addressOf(metricsListen),
  };
  checkTls(config);
  return config;
}

function addressOf(text: string): Address {
  try {
    return parseAddress(text);
  } catch (error) {
    if (error instanceof AddressError) throw new ServerError('ADDRESS', error.message, error);
    throw error;
  }
}

function checkTls({ listen, files, withoutClientCertificates }: Config): void {
  const has = (name: FileName): boolean => files.includes(name);
  const refuse = (message: string): never => {
    throw new ServerError('CONFIG', message);
  };
  if (has('tls-certificate') !== has('tls-key')) {
    refuse('--tls-certificate and --tls-key: one is given without the other');
  }
  if (has('tls-client-ca') && !has('tls-certificate')) {
    refuse('--tls-client-ca: there is no --tls-certificate');
  }
  if (has('tls-client-ca') && withoutClientCertificates) {
    refuse('--tls-client-ca and --tls-without-client-certificates: only one of them makes sense');
  }
  for (const address of listen) {
    if (address.kind === 'unix' || isLoopback(address.host)) continue;
    const text = formatAddress(address);
    if (!has('tls-certificate')) {
      refuse(
        `${text}: beyond loopback (tcp://127.0.0.1:PORT, tcp://[::1]:PORT, tcp://localhost:PORT) ` +
          'TCP needs TLS: give --tls-certificate and --tls-key',
      );
    }
    if (!has('tls-client-ca') && !withoutClientCertificates) {
      refuse(
        `${text}: beyond loopback clients need certificates: give --tls-client-ca, or ` +
          '--tls-without-client-certificates to let anybody connect',
      );
    }
  }
}
