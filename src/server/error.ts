/** Why the server could not start, or not go on. */
export type ServerErrorCode =
  /** The configuration does not parse. */
  | 'CONFIG'
  /** An address that cannot be listened on, whoever asks. */
  | 'ADDRESS'
  /** A file of the configuration cannot be read, or is not what it should be. */
  | 'FILE'
  /** `--user` names nobody, or may not be given. */
  | 'USER'
  /** Another server listens there. */
  | 'IN_USE'
  /** There is a file in the way that is no socket. */
  | 'NOT_A_SOCKET'
  /** The kernel refused to listen. */
  | 'LISTEN'
  /** Root could not be given up for good. */
  | 'PRIVILEGE'
  /** A scan was asked for and cannot be had. */
  | 'SCAN';

const EXIT: Readonly<Record<ServerErrorCode, number>> = {
  CONFIG: 2,
  ADDRESS: 2,
  FILE: 2,
  USER: 2,
  IN_USE: 3,
  NOT_A_SOCKET: 3,
  LISTEN: 3,
  PRIVILEGE: 3,
  SCAN: 4,
};

/** The message is for people, in one line: what, and why. */
export class ServerError extends Error {
  override readonly name = 'ServerError';

  constructor(
    readonly code: ServerErrorCode,
    message: string,
    cause?: unknown,
  ) {
    super(message, cause === undefined ? undefined : { cause });
  }

  /** 2 bad usage, 3 refused, 4 internal. */
  get exitCode(): number {
    return EXIT[this.code];
  }
}

/** The symbolic code of a failed system call, such as EACCES; null for any other error. */
export function errnoOf(error: unknown): string | null {
  return error instanceof Error && 'code' in error && typeof error.code === 'string'
    ? error.code
    : null;
}
