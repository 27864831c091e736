/** What a failed call means to the person at the shell. */
import { existsSync } from 'node:fs';
import { status, type ServiceError } from '@grpc/grpc-js';
import { BadRequest, RetryInfo } from '../gen/google/rpc/error_details.js';
import { Status } from '../gen/google/rpc/status.js';
import { CommandError } from './command-error.js';

const SYSTEM_SOCKET = '/run/tapmap/tapmap.sock';

/** A call that failed, its details decoded. */
export interface CallFailure {
  readonly code: status;
  readonly message: string;
  /** Fields of the request that do not parse (google.rpc.BadRequest). */
  readonly violations: readonly { readonly field: string; readonly reason: string }[];
  /** When the server asks to be tried again (google.rpc.RetryInfo), in milliseconds. */
  readonly retryAfter: number | null;
}

export function isServiceError(error: unknown): error is ServiceError {
  return error instanceof Error && 'code' in error && 'metadata' in error && 'details' in error;
}

export function callFailure(error: ServiceError): CallFailure {
  const details = error.metadata
    .get('grpc-status-details-bin')
    .flatMap((bytes) =>
      typeof bytes === 'string' ? [] : decode(() => Status.decode(bytes).details),
    )
    .flat();
  const values = <T>(type: string, read: (value: Buffer) => T): T[] =>
    details
      .filter(({ typeUrl }) => typeUrl === `type.googleapis.com/google.rpc.${type}`)
      .flatMap(({ value }) => decode(() => read(value)));
  const delay = values('RetryInfo', (value) => RetryInfo.decode(value))[0]?.retryDelay;
  return {
    code: error.code,
    message: error.details,
    violations: values('BadRequest', (value) => BadRequest.decode(value))
      .flatMap(({ fieldViolations }) => fieldViolations)
      .map(({ field, description }) => ({ field, reason: description })),
    retryAfter: delay === undefined ? null : Number(delay.seconds) * 1000 + delay.nanos / 1e6,
  };
}

/** Details that do not decode are left out: the status itself still tells what happened. */
function decode<T>(read: () => T): T[] {
  try {
    return [read()];
  } catch {
    return [];
  }
}

/** The error to end with, for a call to the server at `address` (as given, for people). */
export function commandErrorOf(error: unknown, address: string): unknown {
  if (!isServiceError(error)) return error;
  const { code, message, violations } = callFailure(error);
  const refused = (why: string): CommandError => new CommandError('REFUSED', why, error);
  switch (code) {
    case status.INVALID_ARGUMENT: {
      const why = violations.map(({ field, reason }) => `${field}: ${reason}`).join('; ');
      return new CommandError('USAGE', why === '' ? message : why, error);
    }
    case status.UNAVAILABLE:
      return unreachable(message, address, error);
    case status.DEADLINE_EXCEEDED:
      return new CommandError(
        'NO_SERVER',
        `the server at ${address} did not answer in time: is it stopped? --timeout gives it longer`,
        error,
      );
    case status.PERMISSION_DENIED:
    case status.UNAUTHENTICATED:
      return refused(`the server at ${address} refuses: ${message}`);
    case status.RESOURCE_EXHAUSTED:
      return refused(`the server at ${address} is at its limit: ${message}: try again later`);
    case status.ABORTED:
      return refused(`the server at ${address} ended the stream: ${message}`);
    case status.UNIMPLEMENTED:
      return refused(`what listens at ${address} is not a tapmap server, or another version of it`);
    default:
      return new CommandError(
        'INTERNAL',
        `the server at ${address} failed: ${status[code]}: ${message}`,
        error,
      );
  }
}

function unreachable(message: string, address: string, error: ServiceError): CommandError {
  if (/\b(?:EACCES|EPERM)\b/.test(message)) {
    const why = `permission denied on ${address}`;
    const remedy = "be root or in the socket's group, or set --address";
    return new CommandError('REFUSED', `${why}: ${remedy}`, error);
  }
  // What a failed connect(2) leaves in the message: these say that nobody listens there.
  if (/\b(?:ENOENT|ECONNREFUSED|ENOTDIR)\b/.test(message)) {
    const other = `unix://${SYSTEM_SOCKET}`;
    const hint =
      address !== other && existsSync(SYSTEM_SOCKET)
        ? `set --address, as in --address ${other}`
        : 'start it with `tapmap serve`, or set --address';
    return new CommandError('NO_SERVER', `no server at ${address}: ${hint}`, error);
  }
  return new CommandError(
    'NO_SERVER',
    `the server at ${address} is not available: ${message}`,
    error,
  );
}
