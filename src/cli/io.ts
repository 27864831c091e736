/** Where a command reads its surroundings from and writes to; tests hand in their own. */
import type { Writable } from 'node:stream';
import { styleText } from 'node:util';

/** A stream that may be a terminal: the part of tty.WriteStream that is used. */
export interface Output extends Writable {
  readonly isTTY?: boolean;
  readonly columns?: number;
  hasColors?(env?: object): boolean;
}

export interface Io {
  readonly stdout: Output;
  readonly stderr: Output;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Effective user id: the default address depends on it. */
  readonly uid: number;
  /** Ends `watch`, as SIGINT does. Unset: SIGINT and SIGTERM do. */
  readonly interrupt?: AbortSignal;
}

export function processIo(): Io {
  return {
    stdout: process.stdout,
    stderr: process.stderr,
    env: process.env,
    uid: process.geteuid?.() ?? 0,
  };
}

/** The reader of stdout went away (`| head`): nothing is left to do, and nothing is wrong. */
export class ReaderGone extends Error {
  override readonly name = 'ReaderGone';
}

/** Writes and waits until the stream has taken it. Throws ReaderGone. */
export async function print(output: Output, text: string): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    output.write(text, (error) => {
      if (error === null || error === undefined) resolve();
      else reject(isReaderGone(error) ? new ReaderGone() : error);
    });
  });
}

function isReaderGone(error: Error & { code?: string }): boolean {
  return error.code === 'EPIPE' || error.code === 'ERR_STREAM_DESTROYED';
}

/** Columns of the terminal; null when it is none, so that nothing is to be cut. */
export function widthOf(output: Output): number | null {
  return output.isTTY === true && output.columns !== undefined && output.columns > 0
    ? output.columns
    : null;
}

export type Style = Parameters<typeof styleText>[0];
export type Paint = (style: Style, text: string) => string;

/** Colours on a terminal that has them, unless NO_COLOR (no-color.org) is set. */
export function painter(output: Output, env: Io['env']): Paint {
  const coloured =
    output.isTTY === true && (env['NO_COLOR'] ?? '') === '' && (output.hasColors?.(env) ?? false);
  return coloured
    ? (style, text) => styleText(style, text, { validateStream: false })
    : (_style, text) => text;
}
