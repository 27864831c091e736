/** Where a client is in the stream of changes, as text that fits into a URL and says nothing else. */

export interface ResumePoint {
  readonly epoch: string;
  readonly revision: number;
  /** Which coverage the client was told: coverage is no part of a revision. */
  readonly coverageRevision: number;
  /** Whether the access policy withheld command lines from it. */
  readonly redacted: boolean;
}

const FORMAT = 'tapmap1';
const REDACTED = 'redacted';

export function encodeResumeToken(point: ResumePoint): string {
  const { epoch, revision, coverageRevision, redacted } = point;
  const words = [FORMAT, revision, coverageRevision, epoch, ...(redacted ? [REDACTED] : [])];
  const text = words.join(' ');
  return Buffer.from(text).toString('base64url');
}

const TEXT = new RegExp(
  `^${FORMAT} (0|[1-9][0-9]{0,15}) (0|[1-9][0-9]{0,15}) ([\\w-]{1,64})( ${REDACTED})?$`,
);

/** Null when it is no token that `encodeResumeToken` made. */
export function decodeResumeToken(token: string): ResumePoint | null {
  const bytes = Buffer.from(token, 'base64url');
  // Node skips what is not base64url: a token that was altered so is not taken.
  if (bytes.toString('base64url') !== token) return null;
  const match = TEXT.exec(bytes.toString('latin1'));
  if (match === null) return null;
  const [, revision, coverageRevision, epoch, redacted] = match;
  return {
    epoch: epoch!,
    revision: Number(revision),
    coverageRevision: Number(coverageRevision),
    redacted: redacted !== undefined,
  };
}
