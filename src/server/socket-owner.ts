/** `--socket-mode`, `--socket-owner` and `--socket-group`. */
import { groupNamed, isId, userNamed } from '../access/accounts.js';
import type { Config } from './config.js';
import { errnoOf, ServerError } from './error.js';
import type { SocketOwner } from './unix-listener.js';

/** Throws ServerError USER. */
export function socketOwner({ mode, owner, group }: Config['socket']): SocketOwner {
  return {
    mode,
    uid: owner === null ? null : idOf('--socket-owner', owner, (name) => userNamed(name)?.uid),
    gid: group === null ? null : idOf('--socket-group', group, groupNamed),
  };
}

function idOf(
  flag: string,
  name: string,
  find: (name: string) => number | null | undefined,
): number {
  if (isId(name)) return Number(name);
  try {
    const id = find(name);
    if (typeof id === 'number') return id;
  } catch (cause) {
    throw new ServerError(
      'USER',
      `${flag} ${name}: cannot look it up (${errnoOf(cause) ?? ''})`,
      cause,
    );
  }
  throw new ServerError('USER', `${flag} ${name}: this host has no such name`);
}
