/** What is wrong with a document, for people: where, and why. */
export class DocumentError extends Error {
  override readonly name = 'DocumentError';

  constructor(
    /** From 1. */
    readonly line: number,
    /** Path of the value, such as `rules[0].may`; empty for the document itself. */
    readonly path: string,
    readonly why: string,
  ) {
    super(`line ${line}: ${path === '' ? '' : `${path}: `}${why}`);
  }
}
