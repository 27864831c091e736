/**
 * /proc/PID/fdinfo/FD: what a file tells of itself. Sources: tun_chr_show_fdinfo of drivers/net/tun.c,
 * unix_show_fdinfo of net/unix/af_unix.c, io_uring/fdinfo.c.
 */
import { readBytes } from './descriptor.js';

/**
 * The `iff:` line: the name of the interface, its bytes one character (latin1) each, empty when the
 * file is attached to none, null when there is no such line (not a tun file). Takes the RTNL
 * lock. Throws KernelError.
 */
export function readFdinfoInterface(directory: string, fd: number): string | null {
  return parseFdinfoInterface(readBytes(`${directory}/fdinfo/${fd}`));
}

export function parseFdinfoInterface(bytes: Buffer): string | null {
  // Without the flag m, to which a carriage return ends a line, too: io_uring's fdinfo has paths.
  return /(?:^|\n)iff:\t?([^\n]*)/.exec(bytes.toString('latin1'))?.[1] ?? null;
}

/**
 * The `scm_fds:` line of a unix socket, since 5.6: how many descriptors wait in it to be received, those
 * of connections included that nobody has accepted. 0 for any other file. Throws KernelError.
 */
export function readFdsInFlight(directory: string, fd: number): number {
  return parseFdsInFlight(readBytes(`${directory}/fdinfo/${fd}`));
}

export function parseFdsInFlight(bytes: Buffer): number {
  return Number(/(?:^|\n)scm_fds:[\t ]*(\d+)(?:\n|$)/.exec(bytes.toString('latin1'))?.[1] ?? 0);
}

/**
 * Paths of the files that are registered with an io_uring instance, as the kernel shows them (before
 * 6.0 the last part alone). Empty for any other file, and while the instance is busy. Throws
 * KernelError.
 */
export function readRegisteredFiles(directory: string, fd: number): string[] {
  return parseRegisteredFiles(readBytes(`${directory}/fdinfo/${fd}`));
}

export function parseRegisteredFiles(bytes: Buffer): string[] {
  const lines = bytes.toString('latin1').split('\n');
  const title = lines.findIndex((line) => line.startsWith('UserFiles:'));
  if (title === -1) return [];
  const files: string[] = [];
  // A space, tab, newline or backslash in a path is shown as three octal digits.
  for (const line of lines.slice(title + 1)) {
    const path = /^ *\d+: (.*)$/.exec(line)?.[1];
    if (path === undefined) break;
    if (path !== '<none>') files.push(path);
  }
  return files;
}
