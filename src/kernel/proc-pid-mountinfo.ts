/** /proc/PID/mountinfo: where network namespaces are bind-mounted. See proc_pid_mountinfo(5). */
import { readBytes } from './descriptor.js';
import { isKernelError } from './kernel-error.js';

export interface NetnsMount {
  readonly inode: number;
  /** As the process sees it. */
  readonly path: string;
}

/**
 * In bytes, with the NUL (include/uapi/linux/limits.h). A mount may be deeper, and then no path leads
 * to it; what is told of it would be as long as whoever made it likes.
 */
const PATH_MAX = 4096;

/** Throws KernelError. */
export function readNetnsMounts(directory: string): NetnsMount[] {
  try {
    return parseNetnsMounts(readBytes(`${directory}/mountinfo`));
  } catch (error) {
    // A process that has ended and was not reaped has no mount namespace (mounts_open_common).
    if (isKernelError(error, 'EINVAL')) return [];
    throw error;
  }
}

export function parseNetnsMounts(bytes: Buffer): NetnsMount[] {
  if (!bytes.includes(' nsfs ')) return [];
  const mounts: NetnsMount[] = [];
  for (const line of bytes.toString('utf8').split('\n')) {
    // ID parent major:minor root mount-point options [tags…] - type source options
    const fields = line.split(' ');
    const [, , , root, mountPoint] = fields;
    const type = fields[fields.indexOf('-', 6) + 1];
    const inode = /^net:\[(\d+)\]$/.exec(root ?? '')?.[1];
    if (type !== 'nsfs' || inode === undefined || mountPoint === undefined) continue;
    const path = unescapeMountPath(mountPoint);
    if (Buffer.byteLength(path) < PATH_MAX) mounts.push({ inode: Number(inode), path });
  }
  return mounts;
}

/** The kernel writes space, tab, newline and backslash as three octal digits. */
function unescapeMountPath(path: string): string {
  return path.replace(/\\([0-7]{3})/g, (_, octal: string) =>
    String.fromCharCode(parseInt(octal, 8)),
  );
}
