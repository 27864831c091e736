/** Cuts a long list into messages of bounded size. */
import type { Limits } from './limits.js';

export interface Chunk<Item> {
  readonly items: Item[];
  /** No chunk follows. */
  readonly last: boolean;
}

/**
 * Chunks of `items` as they come, lazily, each within the limits unless a single item is not. Of no
 * items: one empty chunk with `always`, else none.
 */
export function* chunks<Item>(
  items: Iterable<{ readonly item: Item; readonly size: number }>,
  limits: Pick<Limits, 'messageBytes' | 'messageBindings'>,
  always: boolean,
): Generator<Chunk<Item>> {
  let chunk: Item[] = [];
  let chunkSize = 0;
  for (const { item, size } of items) {
    const isFull = chunk.length >= limits.messageBindings || chunkSize + size > limits.messageBytes;
    if (isFull && chunk.length > 0) {
      yield { items: chunk, last: false };
      chunk = [];
      chunkSize = 0;
    }
    chunk.push(item);
    chunkSize += size;
  }
  if (chunk.length > 0 || always) yield { items: chunk, last: true };
}
