/** Why a command ended without doing what it was asked to. */
export type CommandErrorCode = 'NO_MATCH' | 'USAGE' | 'NO_SERVER' | 'REFUSED' | 'INTERNAL';

/** Exit codes of every command; 0 is success. */
export const EXIT: Readonly<Record<CommandErrorCode, number>> = {
  NO_MATCH: 1,
  USAGE: 2,
  NO_SERVER: 3,
  REFUSED: 3,
  INTERNAL: 4,
};

/** The message is for people, in one line: why, and what to do about it where that is known. */
export class CommandError extends Error {
  override readonly name = 'CommandError';

  constructor(
    readonly code: CommandErrorCode,
    message: string,
    cause?: unknown,
  ) {
    super(message, cause === undefined ? undefined : { cause });
  }
}
