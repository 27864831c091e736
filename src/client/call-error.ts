/** What a call of grpc-js failed with, as a TapmapError: the google.rpc details decoded. */
import { status, type ServiceError } from '@grpc/grpc-js';
import { BadRequest, ErrorInfo, RetryInfo } from '../gen/google/rpc/error_details.js';
import { Status } from '../gen/google/rpc/status.js';
import { connectionFailure, type ConnectionFailure } from './connection-failure.js';
import { TapmapError, type FieldViolation, type TapmapErrorCode } from './error.js';

/**
 * For a call to the server at `address` (as given, for people). What is neither an error of a call nor
 * a TapmapError already is a defect on this side, and thrown as it is.
 */
export function callError(error: unknown, address: string): TapmapError {
  if (error instanceof TapmapError) return error;
  if (!isServiceError(error)) throw error;
  const { reason, violations, retryAfter } = decodeDetails(error);
  const { code, fault, details } = failureOf(error);
  return new TapmapError(code, `${address}: ${told(details, violations)}`, {
    details,
    reason,
    violations,
    retryAfter,
    connectFault: fault,
    cause: error,
  });
}

function failureOf({ code, details }: ServiceError): ConnectionFailure {
  if (code === status.UNAVAILABLE) return connectionFailure(details);
  // Of a request, by the server; no limit of the server's own is told in these words.
  if (
    code === status.RESOURCE_EXHAUSTED &&
    details.startsWith('Received message larger than max')
  ) {
    return { code: 'INVALID_REQUEST', fault: null, details };
  }
  const known = CODES[code];
  if (known !== undefined) return { code: known, fault: null, details };
  return { code: 'INTERNAL', fault: null, details: `${status[code]}: ${details}` };
}

function isServiceError(error: unknown): error is ServiceError {
  return error instanceof Error && 'code' in error && 'metadata' in error && 'details' in error;
}

const CODES: Partial<Record<status, TapmapErrorCode>> = {
  // A proxy between the two gave the call up.
  [status.CANCELLED]: 'UNAVAILABLE',
  [status.INVALID_ARGUMENT]: 'INVALID_REQUEST',
  [status.PERMISSION_DENIED]: 'PERMISSION_DENIED',
  [status.UNAUTHENTICATED]: 'UNAUTHENTICATED',
  [status.UNIMPLEMENTED]: 'NOT_TAPMAP',
  [status.DEADLINE_EXCEEDED]: 'DEADLINE_EXCEEDED',
  [status.RESOURCE_EXHAUSTED]: 'RESOURCE_EXHAUSTED',
  [status.ABORTED]: 'ABORTED',
};

function told(words: string, violations: readonly FieldViolation[]): string {
  return violations.length === 0
    ? words
    : violations.map(({ field, reason }) => `${field}: ${reason}`).join('; ');
}

interface Details {
  readonly reason: string;
  readonly violations: readonly FieldViolation[];
  readonly retryAfter: number | null;
}

function decodeDetails(error: ServiceError): Details {
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
    reason: values('ErrorInfo', (value) => ErrorInfo.decode(value))[0]?.reason ?? '',
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
