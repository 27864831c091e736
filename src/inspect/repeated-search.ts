/** Share of the time that may go into a search which is repeated though nothing calls for it. */
const SHARE = 0.01;

/** A search that takes long, and whose result is remembered meanwhile. */
export class RepeatedSearch {
  /** Milliseconds of performance.now(). */
  #again = 0;

  get isDue(): boolean {
    return performance.now() >= this.#again;
  }

  async run<T>(search: () => Promise<T>): Promise<T> {
    const begin = performance.now();
    const found = await search();
    const end = performance.now();
    this.#again = end + (end - begin) / SHARE;
    return found;
  }
}
