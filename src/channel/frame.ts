/** Frames of the channel: a length of four bytes, little endian, and so many bytes of JSON. */
import { ChannelError } from './message.js';

/** A frame that says it is longer is taken for garbage: 100,000 bindings need about 150 MB. */
export const FRAME_MAX = 256 * 1024 * 1024;

const HEADER = 4;

export function encodeFrame(message: unknown): Buffer {
  const body = JSON.stringify(message);
  const length = Buffer.byteLength(body);
  if (length > FRAME_MAX) throw new ChannelError(`a message of ${length} bytes is too long`);
  const frame = Buffer.allocUnsafe(HEADER + length);
  frame.writeUInt32LE(length, 0);
  frame.write(body, HEADER);
  return frame;
}

/** Cuts a byte stream into the JSON texts of its frames. */
export class FrameReader {
  #chunks: Buffer[] = [];
  #length = 0;

  /** Takes the next bytes and yields each frame that they complete. Throws ChannelError. */
  *push(chunk: Buffer): Generator<string> {
    this.#chunks.push(chunk);
    this.#length += chunk.length;
    for (;;) {
      const header = this.#peek(HEADER);
      if (header === null) return;
      const length = header.readUInt32LE(0);
      if (length > FRAME_MAX) throw new ChannelError(`a frame claims ${length} bytes`);
      const frame = this.#peek(HEADER + length);
      if (frame === null) return;
      this.#drop(HEADER + length);
      yield frame.toString('utf8', HEADER);
    }
  }

  /** The first `size` bytes, or null while there are not so many. */
  #peek(size: number): Buffer | null {
    if (this.#length < size) return null;
    const [first] = this.#chunks;
    if (first !== undefined && first.length >= size) return first.subarray(0, size);
    const whole = Buffer.concat(this.#chunks);
    this.#chunks = [whole];
    return whole.subarray(0, size);
  }

  #drop(size: number): void {
    const whole = this.#chunks.length === 1 ? this.#chunks[0]! : Buffer.concat(this.#chunks);
    this.#length -= size;
    this.#chunks = this.#length === 0 ? [] : [whole.subarray(size)];
  }
}
