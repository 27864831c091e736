/**
 * Messages that are the same for many watchers: made when the first of them gets there, and encoded once.
 *
 * What is kept is bounded for all watchers together, however far apart the slow and the fast ones are, and
 * however many selections there are. What was not asked for longest is dropped, and made again, that message
 * alone, for whom it is still to come: so a slow watcher costs time, and only its own.
 */

/** A message, and what follows it. */
interface Message {
  readonly bytes: Buffer;
  readonly rest: Messages;
}

/** Makes the first of some messages that follow one another, the same each time. Null: there is none. */
export type Messages = () => Message | null;

/** The end of what follows one another. */
export const NO_MORE: Messages = () => null;

interface Sequence {
  readonly first: Place;
  /** Watchers that are in it. */
  readers: number;
}

/** One message of a sequence, which is known only while it is kept, as is the place behind it. */
interface Place {
  readonly make: Messages;
  /** Null: the sequence ends here. Undefined: not made yet, or dropped. */
  kept: Kept | null | undefined;
}

interface Kept {
  readonly bytes: Buffer;
  readonly next: Place;
}

/** What a kept message takes besides its bytes, so that many small ones count, too. */
const MESSAGE_OVERHEAD = 512;

export class SharedMessages {
  readonly #limitBytes: number;
  /** By what their messages are made from. */
  readonly #sequences = new Map<string, Sequence>();
  /** Where a message is kept, the one that was asked for last at the end. */
  readonly #places = new Map<Place, Sequence>();
  #keptBytes = 0;
  #sweepIsDue = false;

  constructor(limitBytes: number) {
    this.#limitBytes = limitBytes;
  }

  /** What is kept now. */
  get keptBytes(): number {
    return this.#keptBytes;
  }

  /**
   * The messages of `key`, which has all that they depend on; whoever stops before their end has to return the
   * iterator. `make` tells them when nobody else is in that sequence: from what does not change any more, as they
   * are made later.
   */
  of(key: string, make: () => Messages): Iterator<Buffer> {
    let sequence = this.#sequences.get(key);
    if (sequence === undefined) {
      sequence = { first: placeOf(make()), readers: 0 };
      this.#sequences.set(key, sequence);
    }
    return this.#read(sequence);
  }

  #read(sequence: Sequence): Iterator<Buffer> {
    sequence.readers++;
    let place: Place | null = sequence.first;
    const leave = (): IteratorReturnResult<undefined> => {
      if (place !== null) this.#leave(sequence);
      place = null;
      return { done: true, value: undefined };
    };
    const next = (): IteratorResult<Buffer, undefined> => {
      const kept = place === null ? null : this.#at(place, sequence);
      if (kept === null) return leave();
      place = kept.next;
      return { done: false, value: kept.bytes };
    };
    return { next, return: leave };
  }

  #at(place: Place, sequence: Sequence): Kept | null {
    if (place.kept === null) return null;
    if (place.kept !== undefined) {
      this.#places.delete(place);
      this.#places.set(place, sequence);
      return place.kept;
    }
    const message = place.make();
    if (message === null) return (place.kept = null);
    const kept = { bytes: message.bytes, next: placeOf(message.rest) };
    place.kept = kept;
    this.#places.set(place, sequence);
    this.#keptBytes += cost(kept);
    for (const [oldest] of this.#places) {
      if (this.#keptBytes <= this.#limitBytes) break;
      this.#drop(oldest);
    }
    return kept;
  }

  /** The way on from here goes with the message: a slow watcher holds one place, not all up to the fastest. */
  #drop(place: Place): void {
    if (place.kept) this.#keptBytes -= cost(place.kept);
    place.kept = undefined;
    this.#places.delete(place);
  }

  #leave(sequence: Sequence): void {
    sequence.readers--;
    // Not at once: where one watcher is through before the next one begins, all of them share.
    if (sequence.readers > 0 || this.#sweepIsDue) return;
    this.#sweepIsDue = true;
    setImmediate(() => {
      this.#sweepIsDue = false;
      this.#dropUnread();
    });
  }

  #dropUnread(): void {
    for (const [key, { readers }] of this.#sequences) {
      if (readers === 0) this.#sequences.delete(key);
    }
    for (const [place, { readers }] of this.#places) {
      if (readers === 0) this.#drop(place);
    }
  }
}

function placeOf(make: Messages): Place {
  return { make, kept: undefined };
}

function cost({ bytes }: Kept): number {
  return bytes.length + MESSAGE_OVERHEAD;
}
