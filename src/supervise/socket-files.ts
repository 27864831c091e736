/** The files of unix sockets, which a server that gave up root cannot remove itself. */
import { lstat, unlink } from 'node:fs/promises';
import type { SocketFile } from './report.js';

/**
 * Removes those sockets that are still the ones that were reported: the name may be another
 * server's by now. `allowed` are the only paths that are ever touched.
 */
export async function removeSockets(
  reported: readonly SocketFile[],
  allowed: readonly string[],
): Promise<void> {
  for (const { path, dev, ino } of reported) {
    if (!allowed.includes(path)) continue;
    const stats = await lstat(path, { bigint: true }).catch(() => null);
    if (stats?.isSocket() !== true) continue;
    if (stats.dev.toString() !== dev || stats.ino.toString() !== ino) continue;
    await unlink(path).catch(() => undefined);
  }
}
