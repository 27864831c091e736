/** What is wrong with an address. */
export type AddressErrorCode =
  | 'SCHEME'
  | 'PATH'
  | 'HOST'
  | 'PORT'
  /** There is no address that could be the default. */
  | 'NO_DEFAULT';

/** An address that does not parse. The message says which one and why, for people. */
export class AddressError extends Error {
  override readonly name = 'AddressError';

  constructor(
    readonly code: AddressErrorCode,
    message: string,
  ) {
    super(message);
  }
}
