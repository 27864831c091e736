/** Whom the server becomes once its sockets are bound. */
import { readFileSync } from 'node:fs';
import { ServerError } from './error.js';

export interface User {
  readonly name: string;
  readonly uid: number;
  readonly gid: number;
}

const DEFAULT_USER = 'nobody';

/**
 * The user to become, or null to stay who we are: an ordinary user has no rights to give up, and
 * root keeps them only where it was asked to by name, or where there is nobody else. Throws ServerError USER.
 */
export function userToBecome(
  asked: string | null,
  uid: number,
  readPasswd = (): string => readFileSync('/etc/passwd', 'utf8'),
  readUidMap = (): string => readFileSync('/proc/self/uid_map', 'utf8'),
): User | null {
  if (uid !== 0) {
    if (asked === null) return null;
    throw new ServerError('USER', `--user ${asked}: only root can become another user`);
  }
  const name = asked ?? DEFAULT_USER;
  let user: User | null;
  try {
    user = findUser(readPasswd(), name);
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

/** `passwd` is the text of /etc/passwd, see passwd(5). */
export function findUser(passwd: string, name: string): User | null {
  for (const line of passwd.split('\n')) {
    const [login, , uid, gid] = line.split(':');
    if (login !== name || !isId(uid) || !isId(gid)) continue;
    return { name, uid: Number(uid), gid: Number(gid) };
  }
  return null;
}

function isId(text: string | undefined): text is string {
  return text !== undefined && /^\d{1,10}$/.test(text) && Number(text) < 0xffff_ffff;
}
