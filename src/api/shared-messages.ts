/**
 * Messages that are the same for many watchers: made once, and encoded once. Watchers of one selection that go
 * from the same revision to the same revision are told the same.
 */
export class SharedMessages {
  /** By what they are made from; only those that lead to `#revision`. */
  readonly #messages = new Map<string, readonly Buffer[]>();
  #revision = 0;

  /** `key` has all that `make` depends on but `revision`, which the messages lead to. */
  of(revision: number, key: string, make: () => Iterable<Buffer>): readonly Buffer[] {
    if (revision !== this.#revision) {
      this.#messages.clear();
      this.#revision = revision;
    }
    let messages = this.#messages.get(key);
    if (messages === undefined) {
      messages = [...make()];
      this.#messages.set(key, messages);
    }
    return messages;
  }
}
