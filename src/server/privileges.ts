/** Root given up for good. Node applies each of these calls to all threads, see nptl(7). */
import { readFileSync } from 'node:fs';
import type { User } from '../access/accounts.js';
import { errnoOf, ServerError } from './error.js';

/** Becomes `user` and checks that there is no way back. Throws ServerError PRIVILEGE. */
export function giveUpRoot(user: User): void {
  const { setgroups, setgid, setuid } = process;
  if (setgroups === undefined || setgid === undefined || setuid === undefined) {
    throw new ServerError('PRIVILEGE', 'this platform has no user ids');
  }
  try {
    setgroups([]);
    setgid(user.gid);
    setuid(user.uid);
  } catch (cause) {
    throw new ServerError(
      'PRIVILEGE',
      `cannot become ${user.name} (${errnoOf(cause) ?? 'unknown error'}): in a user namespace ` +
        'without that user, say --user root to stay its root',
      cause,
    );
  }
  const left = remains(user);
  if (left !== null) throw new ServerError('PRIVILEGE', `root was not given up: ${left}`);
}

/** What of root is left, or null. */
function remains(user: User): string | null {
  const status = readFileSync('/proc/self/status', 'latin1');
  const ids = (field: string): string =>
    new RegExp(`^${field}:[ \\t]*(.*)$`, 'm').exec(status)?.[1]?.trim() ?? '';
  // Real, effective, saved and file system id, see proc_pid_status(5).
  if (ids('Uid') !== Array(4).fill(user.uid).join('\t')) return 'user ids';
  if (ids('Gid') !== Array(4).fill(user.gid).join('\t')) return 'group ids';
  if (ids('Groups') !== '') return 'groups';
  for (const set of ['CapInh', 'CapPrm', 'CapEff', 'CapAmb']) {
    if (!/^0+$/.test(ids(set))) return 'capabilities';
  }
  return canReturn() ? 'the way back is open' : null;
}

function canReturn(): boolean {
  try {
    process.setuid?.(0);
    return true;
  } catch {
    return false;
  }
}
