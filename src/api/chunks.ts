/** Cuts a long list into messages of bounded size. */
import type { Limits } from './limits.js';

/** Encodes a message of these items; `last`: none follows. */
export type EncodeChunk<Item> = (items: Item[], last: boolean) => Buffer;

/**
 * Messages of `items` as they come, lazily, each within the limits unless a single item is not. Of no items:
 * one without any with `always`, else none. Between two messages nothing of the former is kept: items take many
 * times the room of their encoding, and there are as many of these generators as clients that do not read.
 */
export function* chunks<Item>(
  items: Iterable<{ readonly item: Item; readonly size: number }>,
  limits: Pick<Limits, 'messageBytes' | 'messageBindings'>,
  always: boolean,
  encode: EncodeChunk<Item>,
): Generator<Buffer> {
  const chunk: Item[] = [];
  let chunkSize = 0;
  const taken = (): Item[] => chunk.splice(0);
  for (const { item, size } of items) {
    const isFull = chunk.length >= limits.messageBindings || chunkSize + size > limits.messageBytes;
    if (isFull && chunk.length > 0) {
      yield encode(taken(), false);
      chunkSize = 0;
    }
    chunk.push(item);
    chunkSize += size;
  }
  if (chunk.length > 0 || always) yield encode(taken(), true);
}
