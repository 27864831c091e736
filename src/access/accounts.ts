/** Users and groups of this host by name: passwd(5), group(5). */
import { readFileSync } from 'node:fs';

export interface User {
  readonly name: string;
  readonly uid: number;
  readonly gid: number;
}

/** Null: there is none of that name. Throws what reading throws. */
export function userNamed(
  name: string,
  read = (): string => readFileSync('/etc/passwd', 'utf8'),
): User | null {
  const fields = entry(read(), name);
  if (fields === null) return null;
  const [, , uid, gid] = fields;
  return isId(uid) && isId(gid) ? { name, uid: Number(uid), gid: Number(gid) } : null;
}

/** Group id. Null: there is none of that name. Throws what reading throws. */
export function groupNamed(
  name: string,
  read = (): string => readFileSync('/etc/group', 'utf8'),
): number | null {
  const gid = entry(read(), name)?.[2];
  return isId(gid) ? Number(gid) : null;
}

function entry(text: string, name: string): readonly string[] | null {
  for (const line of text.split('\n')) {
    const fields = line.split(':');
    if (fields[0] === name && name !== '' && isId(fields[2])) return fields;
  }
  return null;
}

/** Whether `text` is an id, up to the last one that chown(2) takes for one. */
export function isId(text: string | undefined): boolean {
  return text !== undefined && /^\d{1,10}$/.test(text) && Number(text) < 0xffff_ffff;
}
