/** What is there under the name of a unix socket. */
import { once } from 'node:events';
import { lstatSync, unlinkSync, type BigIntStats } from 'node:fs';
import { createConnection } from 'node:net';
import { errnoOf } from './error.js';

/** STALE: a socket that nobody listens on any more. */
export type SocketState = 'GONE' | 'NOT_A_SOCKET' | 'LIVE' | 'STALE';

/** One socket, told from another of the same name. Text, because a number may need 64 bits. */
export interface SocketFile {
  readonly path: string;
  readonly dev: string;
  readonly ino: string;
}

export function fileAt(path: string): BigIntStats | null {
  return lstatSync(path, { bigint: true, throwIfNoEntry: false }) ?? null;
}

/** Inode numbers are re-used at once; the time of the last change tells the two apart. */
export function isSameFile(a: BigIntStats, b: BigIntStats): boolean {
  return a.dev === b.dev && a.ino === b.ino && a.ctimeNs === b.ctimeNs;
}

/** Asks by connecting. Whatever leaves doubt is taken for alive. */
export async function judge(path: string): Promise<SocketState> {
  const file = fileAt(path);
  if (file === null) return 'GONE';
  if (!file.isSocket()) return 'NOT_A_SOCKET';
  const connection = createConnection(path);
  try {
    await once(connection, 'connect');
    return 'LIVE';
  } catch (error) {
    const errno = errnoOf(error);
    if (errno === 'ECONNREFUSED') return 'STALE';
    return errno === 'ENOENT' ? 'GONE' : 'LIVE';
  } finally {
    connection.destroy();
  }
}

/** Removes the socket, unless the name is another's by now or the rights to do so are gone. */
export function removeSocketFile({ path, dev, ino }: SocketFile): void {
  try {
    const file = fileAt(path);
    if (file?.dev.toString() === dev && file.ino.toString() === ino) remove(path);
  } catch (error) {
    // What is left is stale, and replaced by the next server.
    if (errnoOf(error) === null) throw error;
  }
}

/** Removes the name, if it is still there. */
export function remove(path: string): void {
  try {
    unlinkSync(path);
  } catch (error) {
    if (errnoOf(error) !== 'ENOENT') throw error;
  }
}
