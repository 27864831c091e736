/** What the commands that speak to a server have in common: flags, address, notices. */
import { Command, InvalidArgumentError, Option } from 'commander';
import { AddressError } from '../address/error.js';
import { dialTarget, parseAddress } from '../address/address.js';
import { defaultAddress } from '../address/default.js';
import type { Server } from './client.js';
import { CommandError } from './command-error.js';
import { printable } from './escape.js';
import type { Io } from './io.js';
import { print } from './io.js';

export interface ClientFlags {
  readonly address?: string;
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

/** The server to speak to: flag, environment, default. Throws CommandError. */
export function serverOf(given: string | undefined, io: Io): Server {
  const fromEnv = io.env['TAPMAP_ADDRESS'] ?? '';
  const source = given !== undefined ? '--address ' : fromEnv !== '' ? 'TAPMAP_ADDRESS ' : '';
  try {
    const text = given ?? (fromEnv === '' ? defaultAddress(io.env, io.uid, '--address') : fromEnv);
    const address = parseAddress(text);
    if (address.kind === 'tcp' && address.port === 0) {
      throw new AddressError('PORT', `${JSON.stringify(text)}: there is no port 0 to connect to`);
    }
    return { address: text, target: dialTarget(address) };
  } catch (error) {
    if (!(error instanceof AddressError)) throw error;
    throw new CommandError('USAGE', `${source}${error.message}`, error);
  }
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
