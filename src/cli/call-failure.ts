/** What a failed call means to the person at the shell. */
import { existsSync } from 'node:fs';
import { TapmapError, type FieldViolation } from '../client/error.js';
import { CommandError } from './command-error.js';

const SYSTEM_SOCKET = '/run/tapmap/tapmap.sock';

/** Flags by the options of the client that they set. */
const FLAGS: Readonly<Record<string, string>> = {
  address: '--address',
  tls: '--tls-*',
  'tls.ca': '--tls-ca',
  'tls.certificate': '--tls-certificate',
  'tls.key': '--tls-key',
  'tls.serverName': '--tls-server-name',
};

/** The error to end with, for a call to the server at `address` (as given, for people). */
export function commandErrorOf(error: unknown, address: string): unknown {
  if (!(error instanceof TapmapError)) return error;
  const { details, violations } = error;
  const refused = (why: string): CommandError => new CommandError('REFUSED', why, error);
  switch (error.code) {
    case 'INVALID_OPTION':
      return usage(error, ({ field, reason }) => `${FLAGS[field] ?? field} ${reason}`);
    case 'INVALID_REQUEST':
      if (violations.length === 0) return new CommandError('USAGE', details, error);
      return usage(error, ({ field, reason }) => `${field}: ${reason}`);
    case 'UNAVAILABLE':
      return unavailable(error, address);
    case 'DEADLINE_EXCEEDED':
      return new CommandError(
        'NO_SERVER',
        `the server at ${address} did not answer in time: is it stopped? --timeout gives it longer`,
        error,
      );
    case 'PERMISSION_DENIED':
      if (error.connectFault !== null) {
        const remedy = "be root or in the socket's group, or set --address";
        return refused(`permission denied on ${address}: ${remedy}`);
      }
      return refused(`the server at ${address} refuses: ${details}`);
    case 'UNAUTHENTICATED': {
      const remedy = error.connectFault === 'TLS' ? ' (see --tls-certificate and --tls-key)' : '';
      return refused(`the server at ${address} refuses: ${details}${remedy}`);
    }
    case 'UNTRUSTED_SERVER': {
      const remedy = 'see --tls-ca and --tls-server-name';
      return refused(`the server at ${address} cannot be trusted: ${details} (${remedy})`);
    }
    case 'RESOURCE_EXHAUSTED':
      return refused(`the server at ${address} is at its limit: ${details}: try again later`);
    case 'ABORTED':
      return refused(`the server at ${address} ended the stream: ${details}`);
    case 'NOT_TAPMAP':
      return refused(`what listens at ${address} is not a tapmap server, or another version of it`);
    case 'INTERNAL':
      // Without a cause it is this side that does not understand the answer.
      return new CommandError(
        'INTERNAL',
        error.cause === undefined ? details : `the server at ${address} failed: ${details}`,
        error,
      );
  }
}

function usage(error: TapmapError, words: (violation: FieldViolation) => string): CommandError {
  return new CommandError('USAGE', error.violations.map(words).join('; '), error);
}

function unavailable(error: TapmapError, address: string): CommandError {
  if (error.connectFault === null || error.connectFault === 'TLS') {
    const why = `the server at ${address} is not available: ${error.details}`;
    return new CommandError('NO_SERVER', why, error);
  }
  const other = `unix://${SYSTEM_SOCKET}`;
  const hint =
    address !== other && existsSync(SYSTEM_SOCKET)
      ? `set --address, as in --address ${other}`
      : 'start it with `tapmap serve`, or set --address';
  return new CommandError('NO_SERVER', `no server at ${address}: ${hint}`, error);
}
