/** Cuts a long list into messages of bounded size. */
import type { Limits } from './limits.js';

/** One of the list, and about how many bytes it takes encoded. */
export interface Sized<Item> {
  readonly item: Item;
  readonly size: number;
}

/** Makes a message of these items; `next` begins the next one, null: none follows. */
export type MakeChunk<Part extends Sized<unknown>, Message> = (
  items: Part['item'][],
  next: Part | null,
) => Message;

/**
 * Messages of `parts` as they come, lazily, each within the limits unless a single item is not. Of no items:
 * one without any with `always`, else none. Between two messages nothing of the former is kept: items take many
 * times the room of their encoding, and there are as many of these generators as lists that are not read.
 */
export function* chunks<Part extends Sized<unknown>, Message>(
  parts: Iterable<Part>,
  limits: Pick<Limits, 'messageBytes' | 'messageBindings'>,
  always: boolean,
  make: MakeChunk<Part, Message>,
): Generator<Message, void> {
  const chunk: Part['item'][] = [];
  let chunkSize = 0;
  const taken = (): Part['item'][] => chunk.splice(0);
  for (const part of parts) {
    const { item, size } = part;
    const isFull = chunk.length >= limits.messageBindings || chunkSize + size > limits.messageBytes;
    if (isFull && chunk.length > 0) {
      yield make(taken(), part);
      chunkSize = 0;
    }
    chunk.push(item);
    chunkSize += size;
  }
  if (chunk.length > 0 || always) yield make(taken(), null);
}
