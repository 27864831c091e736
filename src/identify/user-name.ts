/** Names of users: passwd(5). */
import { isKernelError } from '../kernel/kernel-error.js';
import { readBytes } from '../kernel/descriptor.js';
import type { StateFiles } from './state-files.js';

/** Empty when the host's /etc/passwd has no such user. */
export function readUserName(files: StateFiles, uid: number): string {
  return files.read('/etc', 'passwd', parsePasswd)?.get(uid) ?? '';
}

/** Names by uid. Of several names of one uid the first counts, as with getpwuid(3). */
export function parsePasswd(bytes: Buffer): ReadonlyMap<number, string> {
  const names = new Map<number, string>();
  for (const line of bytes.toString('utf8').split('\n')) {
    const [name = '', , uid = ''] = line.split(':');
    // A line that begins with one of these stands for users of a directory service.
    if (name === '' || /^[-+#]/.test(name) || !/^[0-9]{1,10}$/.test(uid)) continue;
    if (!names.has(Number(uid))) names.set(Number(uid), name);
  }
  return names;
}

/**
 * Whether user ids are those of the host: in a user namespace that maps them, 0 may be anybody. See
 * user_namespaces(7).
 */
export function userIdsAreHosts(procRoot: string): boolean {
  try {
    return /^\s*0\s+0\s+4294967295\s*$/.test(readBytes(`${procRoot}/self/uid_map`).toString());
  } catch (error) {
    // A kernel without user namespaces has one set of ids.
    if (isKernelError(error, 'ENOENT')) return true;
    throw error;
  }
}
