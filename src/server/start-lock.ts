/**
 * A lock for the moment in which a stale socket is replaced: a file beside it, which nobody can open, and so
 * hold, who may not write there. flock(2), because the kernel takes it back when its holder ends, however that is.
 */
import { closeSync, constants, fstatSync, openSync, type BigIntStats } from 'node:fs';
import { basename, dirname } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { formatAddress, type Address } from '../address/address.js';
import { tryLock } from '../kernel/flock.js';
import { ServerError } from './error.js';
import { fileAt, remove } from './socket-file.js';

const ATTEMPTS = 100;
const PAUSE_MS = 50;
/** A link or a pipe of somebody else's must not lead elsewhere, nor keep us waiting. */
const FLAGS = constants.O_RDWR | constants.O_CREAT | constants.O_NOFOLLOW | constants.O_NONBLOCK;
const MODE = 0o600;

/** Runs `work` while no other server does the same for the file `path`. Throws ServerError IN_USE. */
export async function withLock(
  path: string,
  address: Address,
  work: () => Promise<void>,
): Promise<void> {
  const file = `${dirname(path)}/.${basename(path)}.lock`;
  const fd = await take(file, address);
  try {
    await work();
  } finally {
    // Before it is given up: whoever waits for it then finds that it is no longer there, and makes another.
    remove(file);
    closeSync(fd);
  }
}

async function take(file: string, address: Address): Promise<number> {
  for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
    const fd = openSync(file, FLAGS, MODE);
    let isTaken = false;
    try {
      isTaken = tryLock(fd) && isStillAt(file, fstatSync(fd, { bigint: true }));
    } finally {
      if (!isTaken) closeSync(fd);
    }
    if (isTaken) return fd;
    await delay(PAUSE_MS);
  }
  throw new ServerError('IN_USE', `${formatAddress(address)}: another server is starting there`);
}

function isStillAt(file: string, { dev, ino }: BigIntStats): boolean {
  const now = fileAt(file);
  return now?.dev === dev && now.ino === ino;
}
