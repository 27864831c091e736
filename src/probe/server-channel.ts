/** The probe's end of the channel to the server: descriptor 3, a stream that the supervisor made. */
import { once } from 'node:events';
import { Socket } from 'node:net';
import { encodeFrame, FrameReader } from '../channel/frame.js';
import { parseFromServer, type FromProbe, type FromServer } from '../channel/message.js';

const CHANNEL_FD = 3;

export class ServerChannel {
  readonly #socket = new Socket({ fd: CHANNEL_FD });
  readonly #reader = new FrameReader();

  /** `closed` is called once, when the server is gone or says what the grammar does not know. */
  constructor(heard: (message: FromServer) => void, closed: (error: unknown) => void) {
    this.#socket.on('data', (bytes) => {
      try {
        for (const json of this.#reader.push(bytes)) heard(parseFromServer(json));
      } catch (error) {
        closed(error);
      }
    });
    this.#socket.on('error', (error) => {
      closed(isPeerGone(error) ? null : error);
    });
    this.#socket.on('close', () => {
      closed(null);
    });
  }

  /** Resolves when the server has taken what was sent before, so that nothing piles up here. */
  async send(message: FromProbe): Promise<void> {
    if (this.#socket.write(encodeFrame(message))) return;
    try {
      await once(this.#socket, 'drain');
    } catch (error) {
      // `closed` has been told.
      if (!isPeerGone(error)) throw error;
    }
  }
}

/** The server may end while something is on its way to it. */
function isPeerGone(error: unknown): boolean {
  const { code } = error as NodeJS.ErrnoException;
  return code === 'EPIPE' || code === 'ECONNRESET';
}
