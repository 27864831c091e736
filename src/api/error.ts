/** The errors that clients get, and nothing of any other: google.rpc.Status with its details. */
import { Metadata, status as Code } from '@grpc/grpc-js';
import { BadRequest, ErrorInfo, RetryInfo } from '../gen/google/rpc/error_details.js';
import { Status } from '../gen/google/rpc/status.js';

/** `ErrorInfo.domain` of all errors. */
const ERROR_DOMAIN = 'tapmap';

const CODES = {
  /** A field of the request does not parse. */
  INVALID_REQUEST: Code.INVALID_ARGUMENT,
  /** No scan has finished yet. */
  STARTING: Code.UNAVAILABLE,
  /** The server is about to end. */
  DRAINING: Code.UNAVAILABLE,
  /** The scan that was asked for cannot be had. */
  SCAN_FAILED: Code.UNAVAILABLE,
  TOO_MANY_WATCHERS: Code.RESOURCE_EXHAUSTED,
  TOO_MANY_LISTS: Code.RESOURCE_EXHAUSTED,
  /** Of those that wait for a scan. */
  TOO_MANY_FRESH_LISTS: Code.RESOURCE_EXHAUSTED,
  /** The client does not send all of it. */
  REQUEST_INCOMPLETE: Code.DEADLINE_EXCEEDED,
  /** Beside those of the service: watchers of health, or clients that read the schema. */
  TOO_MANY_STREAMS: Code.RESOURCE_EXHAUSTED,
  /** The client takes nothing of what is sent. */
  NOT_READING: Code.ABORTED,
  /** The access policy shows a watcher something else than when it began. */
  ACCESS_CHANGED: Code.ABORTED,
  NO_CREDENTIALS: Code.UNAUTHENTICATED,
  ACCESS_DENIED: Code.PERMISSION_DENIED,
  INTERNAL: Code.INTERNAL,
} as const;

/** `ErrorInfo.reason`. */
export type ApiErrorReason = keyof typeof CODES;

/** What is wrong with one field of the request. */
export interface FieldViolation {
  /** Path as BadRequest has it, such as `filter[0].device_name`. */
  readonly field: string;
  readonly description: string;
}

/** A header of gRPC holds about 8 KiB. */
const VIOLATIONS_MAX = 10;

export interface ApiErrorOptions extends ErrorOptions {
  readonly violations?: readonly FieldViolation[];
  /** When to try again, milliseconds. */
  readonly retryAfterMs?: number;
}

/** An error whose message is meant for the client. */
export class ApiError extends Error {
  override readonly name = 'ApiError';
  readonly violations: readonly FieldViolation[];
  readonly retryAfterMs: number | null;

  constructor(
    readonly reason: ApiErrorReason,
    message: string,
    options: ApiErrorOptions = {},
  ) {
    super(message, options);
    this.violations = (options.violations ?? []).slice(0, VIOLATIONS_MAX);
    this.retryAfterMs = options.retryAfterMs ?? null;
  }
}

/** Throws INVALID_REQUEST when there are any. */
export function throwViolations(violations: readonly FieldViolation[]): void {
  const [first] = violations;
  if (first === undefined) return;
  const more = violations.length > 1 ? ` (and ${violations.length - 1} more)` : '';
  const message = `${first.field} ${first.description}${more}`;
  throw new ApiError('INVALID_REQUEST', message, { violations });
}

/** As grpc-js takes it. */
export interface ErrorStatus {
  readonly code: Code;
  readonly details: string;
  readonly metadata: Metadata;
}

/** The status that tells `error` to the client: INTERNAL, without its text, unless it is an ApiError. */
export function errorStatus(error: unknown): ErrorStatus {
  const told = error instanceof ApiError ? error : new ApiError('INTERNAL', 'internal error');
  const code = CODES[told.reason];
  const details = [
    detail('google.rpc.ErrorInfo', ErrorInfo, {
      reason: told.reason,
      domain: ERROR_DOMAIN,
      metadata: {},
    }),
  ];
  if (told.violations.length > 0) {
    const fieldViolations = told.violations.map(({ field, description }) => ({
      field,
      description,
      reason: '',
      localizedMessage: undefined,
    }));
    details.push(detail('google.rpc.BadRequest', BadRequest, { fieldViolations }));
  }
  if (told.retryAfterMs !== null) {
    const seconds = Math.floor(told.retryAfterMs / 1000);
    const nanos = Math.round((told.retryAfterMs - seconds * 1000) * 1e6);
    const retryDelay = { seconds: BigInt(seconds), nanos };
    details.push(detail('google.rpc.RetryInfo', RetryInfo, { retryDelay }));
  }
  const encoded = Status.encode({ code, message: told.message, details }).finish();
  const metadata = new Metadata();
  metadata.set('grpc-status-details-bin', Buffer.from(encoded));
  return { code, details: told.message, metadata };
}

function detail<T>(
  type: string,
  codec: { encode: (message: T) => { finish: () => Uint8Array } },
  message: T,
): { typeUrl: string; value: Buffer } {
  const value = Buffer.from(codec.encode(message).finish());
  return { typeUrl: `type.googleapis.com/${type}`, value };
}
