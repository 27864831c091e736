/**
 * A lock for the moment in which a stale socket is replaced: an abstract unix socket, because the
 * kernel frees its name with its owner, however that ends. It is taken in one network namespace;
 * servers of two that share a directory rely on the checks of unix-listener.ts alone.
 */
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { statSync } from 'node:fs';
import { createServer } from 'node:net';
import { basename, dirname } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { formatAddress, type Address } from '../address/address.js';
import { errnoOf, ServerError } from './error.js';

const ATTEMPTS = 100;
const PAUSE_MS = 50;

/** Runs `work` while no other server does the same for the file `path`. Throws ServerError IN_USE. */
export async function withLock(
  path: string,
  address: Address,
  work: () => Promise<void>,
): Promise<void> {
  const { dev, ino } = statSync(`${dirname(path)}/`, { bigint: true });
  const place = createHash('sha256')
    .update(`${dev} ${ino} ${basename(path)}`)
    .digest('hex');
  const lock = createServer((connection) => connection.destroy());
  try {
    await take(lock, `\0tapmap-start-${place}`, address);
    await work();
  } finally {
    lock.close();
  }
}

async function take(
  lock: ReturnType<typeof createServer>,
  name: string,
  address: Address,
): Promise<void> {
  for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
    try {
      await once(lock.listen(name), 'listening');
      return;
    } catch (error) {
      if (errnoOf(error) !== 'EADDRINUSE') throw error;
    }
    await delay(PAUSE_MS);
  }
  throw new ServerError('IN_USE', `${formatAddress(address)}: another server is starting there`);
}
