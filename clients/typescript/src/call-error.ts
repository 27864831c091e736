/** What a failed call tells: google.rpc.Status with its details. */
import { status, type ServiceError } from '@grpc/grpc-js';
import { BadRequest, RetryInfo } from '../gen/google/rpc/error_details.js';
import { Status } from '../gen/google/rpc/status.js';

export function isCallError(error: unknown): error is ServiceError {
  return error instanceof Error && 'code' in error && 'metadata' in error;
}

/** The google.rpc messages of a kind that came with the status. */
function details<T>(
  error: ServiceError,
  name: string,
  kind: { decode(bytes: Uint8Array): T },
): T[] {
  return error.metadata
    .get('grpc-status-details-bin')
    .flatMap((bytes) => (typeof bytes === 'string' ? [] : Status.decode(bytes).details))
    .filter(({ typeUrl }) => typeUrl === `type.googleapis.com/google.rpc.${name}`)
    .map(({ value }) => kind.decode(value));
}

/** When the server asks to be tried again, in milliseconds. */
export function retryDelay(error: ServiceError): number | undefined {
  const delay = details(error, 'RetryInfo', RetryInfo)[0]?.retryDelay;
  return delay && Number(delay.seconds) * 1000 + delay.nanos / 1e6;
}

/** The error in one line, with the fields of the request that do not parse. */
export function describe(error: unknown): string {
  if (!isCallError(error)) return error instanceof Error ? error.message : String(error);
  const fields = details(error, 'BadRequest', BadRequest)
    .flatMap(({ fieldViolations }) => fieldViolations)
    .map(({ field, description }) => `${field}: ${description}`);
  return `${status[error.code]}: ${fields.join('; ') || error.details}`;
}
