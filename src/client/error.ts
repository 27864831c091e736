/** Why something could not be had from a server. */

/** A closed set: each code asks something else of the caller. */
export type TapmapErrorCode =
  /** An option does not parse or cannot be used: see `violations`. */
  | 'INVALID_OPTION'
  /** The server refuses a field of the request: see `violations`. */
  | 'INVALID_REQUEST'
  /** This client may not, by the server's access policy or the mode of its socket. */
  | 'PERMISSION_DENIED'
  /** The server does not know who this client is, or does not accept its certificate. */
  | 'UNAUTHENTICATED'
  /** The certificate of the server is not to be trusted, or is for another name. */
  | 'UNTRUSTED_SERVER'
  /** What listens there is no tapmap server, or another version of it. */
  | 'NOT_TAPMAP'
  /** Nobody listens there, the server is starting or draining, or the connection broke. */
  | 'UNAVAILABLE'
  /** The answer did not come in time. */
  | 'DEADLINE_EXCEEDED'
  /** The server is at one of its limits. */
  | 'RESOURCE_EXHAUSTED'
  /** The server ended the stream: this client took nothing of it for too long. */
  | 'ABORTED'
  /** A defect of the server or of this client. */
  | 'INTERNAL';

/** What is wrong with one field. */
export interface FieldViolation {
  /** Its path: `filter[0].device_name` of a request, `tls.key` of the options. */
  readonly field: string;
  readonly reason: string;
}

export interface TapmapErrorOptions extends ErrorOptions {
  readonly details?: string;
  readonly reason?: string;
  readonly violations?: readonly FieldViolation[];
  readonly retryAfter?: number | null;
  readonly connectFault?: string | null;
}

/** The one error that this package throws. `cause` is the grpc-js error, where there is one. */
export class TapmapError extends Error {
  override readonly name = 'TapmapError';
  /** The words of the server, or of the connection; `message` says beside it which server. */
  readonly details: string;
  /** `google.rpc.ErrorInfo.reason`, such as `STARTING` or `TOO_MANY_WATCHERS`; empty: none. */
  readonly reason: string;
  /** Of INVALID_OPTION and INVALID_REQUEST. */
  readonly violations: readonly FieldViolation[];
  /** When the server asks to be tried again (google.rpc.RetryInfo), milliseconds; null: unsaid. */
  readonly retryAfter: number | null;
  /** Why no connection came about: an errno such as `ENOENT`, or `TLS`; null: it is not known. */
  readonly connectFault: string | null;

  constructor(
    readonly code: TapmapErrorCode,
    message: string,
    options: TapmapErrorOptions = {},
  ) {
    super(message, options);
    this.details = options.details ?? message;
    this.reason = options.reason ?? '';
    this.violations = options.violations ?? [];
    this.retryAfter = options.retryAfter ?? null;
    this.connectFault = options.connectFault ?? null;
  }
}

/** The error of options that cannot be used. */
export function invalidOption(field: string, reason: string, cause?: unknown): TapmapError {
  return new TapmapError('INVALID_OPTION', `${field} ${reason}`, {
    violations: [{ field, reason }],
    ...(cause === undefined ? {} : { cause }),
  });
}
