/** How a network namespace is named in tables and sentences: always so that --netns takes it. */
import type { Netns } from '../gen/tapmap/v1/tap_binding.js';
import { printable, printableWord } from './escape.js';

/** The namespace that the server was started in. */
export const HOST = 'host';

const NAMED = /^(?:\/var)?\/run\/netns\/([^/]+)$/;

/**
 * `host`, the name that `ip netns` knows, another path, `CONTAINER/PID` or `COMM/PID` of the process that is
 * told to live there, or the inode number; `?` when not known.
 */
export function netnsName(netns: Netns | undefined): string {
  if (netns === undefined) return '?';
  if (netns.initial) return HOST;
  const named = netns.paths.map((path) => NAMED.exec(path)?.[1]).find(isUnambiguous);
  const shortest = named ?? netns.paths[0];
  if (shortest !== undefined) return printableWord(shortest);
  const { pid, comm, container } = netns;
  const known = container === '' ? comm : container;
  // One that looks like a path would be taken for one.
  if (pid !== undefined && /^[^/]/.test(known)) return `${printableWord(known)}/${pid}`;
  return netns.inode === 0n ? '?' : netns.inode.toString();
}

/** Everything that tells a namespace apart: `netns 4026532281, /run/netns/fooz`. */
export function netnsIdentity(netns: Netns | undefined): string {
  if (netns === undefined) return 'netns unknown';
  const inode = netns.inode === 0n ? 'netns unknown' : `netns ${netns.inode}`;
  return [inode, ...netns.paths.map(printable)].join(', ');
}

/** Whether two observations are of one namespace: by cookie where both have it. */
export function sameNetns(a: Netns | undefined, b: Netns | undefined): boolean {
  if (a === undefined || b === undefined) return false;
  return a.cookie !== 0n && b.cookie !== 0n ? a.cookie === b.cookie : a.inode === b.inode;
}

// A namespace that somebody named `host` or `17` goes by its path: --netns would misread the name.
function isUnambiguous(name: string | undefined): name is string {
  return name !== undefined && name !== HOST && !/^(?:\d+|net:\[\d+\]|\.{1,2})$/.test(name);
}
