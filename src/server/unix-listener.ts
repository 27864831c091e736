/**
 * Listens on a unix socket so that nobody can connect before its mode is right, two servers never
 * share a name, and what a dead server left behind is replaced. See unix(7), link(2).
 */
import { randomBytes } from 'node:crypto';
import {
  chmodSync,
  closeSync,
  constants,
  lchownSync,
  linkSync,
  lstatSync,
  mkdirSync,
  openSync,
} from 'node:fs';
import type { Server } from 'node:net';
import { basename, dirname } from 'node:path';
import { formatAddress, type UnixAddress } from '../address/address.js';
import { errnoOf, ServerError } from './error.js';
import { BACKLOG, createListener, listenError, Listener, listening } from './listener.js';
import { fileAt, isSameFile, judge, remove, type SocketFile } from './socket-file.js';
import { withLock } from './start-lock.js';

const DIRECTORY_MODE = 0o755;

/** Whose a socket is, and what others may do with it. */
export interface SocketOwner {
  /** Permission bits. */
  readonly mode: number;
  /** Null: those of this process. */
  readonly uid: number | null;
  readonly gid: number | null;
}

/** See chown(2). */
const UNCHANGED = 0xffff_ffff;

/** Names in one directory, however long its path: sun_path has room for 107 bytes only. */
interface Directory {
  readonly fd: number;
  readonly at: (name: string) => string;
}

/** Throws ServerError. */
export async function listenUnix(
  address: UnixAddress,
  owner: SocketOwner,
  connectionsMax: number,
): Promise<Listener> {
  const directory = openDirectory(address);
  const server = createListener(connectionsMax);
  const temporary = directory.at(`.${randomBytes(6).toString('hex')}`);
  const name = directory.at(basename(address.path));
  try {
    bind(server, temporary, owner.mode);
    await listening(server, address);
    if (owner.uid !== null || owner.gid !== null) {
      lchownSync(temporary, owner.uid ?? UNCHANGED, owner.gid ?? UNCHANGED);
    }
    await publish(temporary, name, address);
    return new Listener(address, server, socketFile(name, address));
  } catch (error) {
    server.close();
    throw error instanceof ServerError ? error : listenError(address, error);
  } finally {
    remove(temporary);
    closeSync(directory.fd);
  }
}

/** Only the last part of the path is made, such as /run/tapmap. */
function openDirectory(address: UnixAddress): Directory {
  const path = dirname(address.path);
  try {
    if (makeDirectory(path)) chmodSync(path, DIRECTORY_MODE);
    const fd = openSync(path, constants.O_RDONLY | constants.O_DIRECTORY);
    return { fd, at: (name) => `/proc/self/fd/${fd}/${name}` };
  } catch (error) {
    throw listenError(address, error);
  }
}

function makeDirectory(path: string): boolean {
  try {
    mkdirSync(path, DIRECTORY_MODE);
    return true;
  } catch (error) {
    if (errnoOf(error) === 'EEXIST') return false;
    throw error;
  }
}

/** bind(2) and listen(2) happen inside listen(): the socket has its mode from the start. */
function bind(server: Server, path: string, mode: number): void {
  const before = process.umask(0o777 & ~mode);
  try {
    server.listen({ path, backlog: BACKLOG });
  } finally {
    process.umask(before);
  }
}

/** Gives the socket, which listens by now, its name: link(2) never replaces anything. */
async function publish(temporary: string, name: string, address: UnixAddress): Promise<void> {
  while (!link(temporary, name)) {
    if ((await state(name, address)) === 'STALE') {
      await withLock(name, address, () => removeStale(name, address));
    }
  }
}

function link(from: string, to: string): boolean {
  try {
    linkSync(from, to);
    return true;
  } catch (error) {
    if (errnoOf(error) === 'EEXIST') return false;
    throw error;
  }
}

/**
 * Under the lock, so that no two servers judge at the same time and the slower one removes what the
 * faster has just put there.
 */
async function removeStale(name: string, address: UnixAddress): Promise<void> {
  const before = fileAt(name);
  if (before === null || (await state(name, address)) !== 'STALE') return;
  const now = fileAt(name);
  if (now !== null && isSameFile(before, now)) remove(name);
}

/** Throws ServerError when the name cannot be had. */
async function state(name: string, address: UnixAddress): Promise<'STALE' | 'GONE'> {
  const verdict = await judge(name);
  if (verdict === 'LIVE') {
    throw new ServerError('IN_USE', `${formatAddress(address)}: already in use by another server`);
  }
  if (verdict === 'NOT_A_SOCKET') {
    throw new ServerError(
      'NOT_A_SOCKET',
      `${formatAddress(address)}: a file that is no socket is in the way; it is left as it is`,
    );
  }
  return verdict;
}

function socketFile(name: string, address: UnixAddress): SocketFile {
  const { dev, ino } = lstatSync(name, { bigint: true });
  return { path: address.path, dev: dev.toString(), ino: ino.toString() };
}
