/** What the commands that speak to a server have in common: flags, address, notices. */
import { Command, InvalidArgumentError, Option } from 'commander';
import { serverOf as clientServerOf, type Server } from '../client/server.js';
import type { TlsOptions } from '../client/tls.js';
import { commandErrorOf } from './call-failure.js';
import { printable } from './escape.js';
import type { Io } from './io.js';
import { print } from './io.js';

export interface ClientFlags {
  readonly address?: string;
  /** Paths of PEM files. */
  readonly tlsCa?: string;
  readonly tlsCertificate?: string;
  readonly tlsKey?: string;
  readonly tlsServerName?: string;
  /** Milliseconds. */
  readonly timeout: number;
  readonly json: boolean;
}

const TIMEOUT_SECONDS = 30;
const TIMEOUT_SECONDS_MAX = 86_400;

export function clientCommand(name: string, purpose: string): Command {
  return new Command(name).description(purpose);
}

export function addClientFlags(command: Command): Command {
  const group = 'Server:';
  return command
    .addOption(
      new Option(
        '--address <address>',
        'unix:///PATH or tcp://HOST:PORT (default: $TAPMAP_ADDRESS, else ' +
          'unix:///run/tapmap/tapmap.sock, or $XDG_RUNTIME_DIR/tapmap/tapmap.sock for a user)',
      ).helpGroup(group),
    )
    .addOption(
      new Option(
        '--tls-ca <file>',
        'PEM certificates of the authorities to trust (default: those that Node trusts); TLS is ' +
          'used when a --tls flag is given, and for all but loopback',
      ).helpGroup(group),
    )
    .addOption(
      new Option(
        '--tls-certificate <file>',
        'PEM certificate of this client, with its chain, if the server asks for one',
      ).helpGroup(group),
    )
    .addOption(
      new Option('--tls-key <file>', 'PEM private key of --tls-certificate').helpGroup(group),
    )
    .addOption(
      new Option(
        '--tls-server-name <name>',
        'name that the certificate of the server must have (default: the host of the address)',
      ).helpGroup(group),
    )
    .addOption(
      new Option('--timeout <seconds>', 'how long to wait for the answer')
        .default(TIMEOUT_SECONDS * 1000, TIMEOUT_SECONDS.toString())
        .argParser(seconds)
        .helpGroup(group),
    )
    .addOption(debugFlag().helpGroup(group));
}

export function debugFlag(): Option {
  return new Option('--debug', 'show the stack of an error (default: off)');
}

/** The server to speak to: flags, environment, default. Throws CommandError. */
export function serverOf(flags: ClientFlags, io: Io): Server {
  const { address } = flags;
  try {
    const surroundings = { env: io.env, uid: io.uid, addressOption: '--address' };
    const server = clientServerOf({ address, tls: tlsOf(flags) }, surroundings);
    // grpc-js names an IP address in SNI: Node has a warning for that, and people cannot help it.
    if (server.tls !== null) process.noDeprecation = true;
    return server;
  } catch (error) {
    throw commandErrorOf(error, address ?? '');
  }
}

function tlsOf(flags: ClientFlags): TlsOptions | undefined {
  const { tlsCa: ca, tlsCertificate: certificate, tlsKey: key, tlsServerName: serverName } = flags;
  const tls = { ca, certificate, key, serverName };
  return Object.values(tls).every((value) => value === undefined) ? undefined : tls;
}

/** Tells what is no error, but must not go unsaid: one line each on stderr. */
export async function notify(io: Io, command: string, notices: readonly string[]): Promise<void> {
  for (const notice of notices)
    await print(io.stderr, `tapmap: ${command}: ${printable(notice)}\n`);
}

function seconds(value: string): number {
  const number = /^\d+(?:\.\d+)?$/.test(value) ? Number(value) : NaN;
  if (number > 0 && number <= TIMEOUT_SECONDS_MAX) return number * 1000;
  throw new InvalidArgumentError(`It must be a number of seconds up to ${TIMEOUT_SECONDS_MAX}.`);
}
