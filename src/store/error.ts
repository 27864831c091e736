/** NOT_READY: asked for a state before any was observed. NO_BASE: a partial observation of nothing. */
export type StoreErrorCode = 'NOT_READY' | 'NO_BASE';

export class StoreError extends Error {
  override readonly name = 'StoreError';

  constructor(
    readonly code: StoreErrorCode,
    message: string,
  ) {
    super(message);
  }
}
