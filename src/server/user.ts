/** Whom the server becomes once its sockets are bound. */
import { readFileSync } from 'node:fs';
import { userNamed, type User } from '../access/accounts.js';
import { ServerError } from './error.js';

const DEFAULT_USER = 'nobody';

/**
 * The user to become, or null to stay who we are: an ordinary user has no rights to give up, and
 * root keeps them only where it was asked to by name, or where there is nobody else. Throws ServerError USER.
 */
export function userToBecome(
  asked: string | null,
  uid: number,
  readPasswd?: () => string,
  readUidMap = (): string => readFileSync('/proc/self/uid_map', 'utf8'),
): User | null {
  if (uid !== 0) {
    if (asked === null) return null;
    throw new ServerError('USER', `--user ${asked}: only root can become another user`);
  }
  const name = asked ?? DEFAULT_USER;
  let user: User | null;
  try {
    user = userNamed(name, readPasswd);
  } catch (cause) {
    throw new ServerError('USER', `--user ${name}: cannot read /etc/passwd`, cause);
  }
  if (user === null) throw new ServerError('USER', `--user ${name}: no such user in /etc/passwd`);
  // Root of a user namespace that has nobody else is no root of the host: only who asks for another
  // by name is refused.
  if (asked === null && !isMapped(readUidMap(), user.uid)) return null;
  return user.uid === 0 ? null : user;
}

/** `map` is the text of /proc/PID/uid_map, see user_namespaces(7). */
function isMapped(map: string, uid: number): boolean {
  return map.split('\n').some((line) => {
    const [first, , count] = line.trim().split(/\s+/).map(Number);
    return first !== undefined && count !== undefined && uid >= first && uid < first + count;
  });
}
