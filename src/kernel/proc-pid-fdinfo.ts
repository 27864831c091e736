/** /proc/PID/fdinfo/FD of a tun file: see tun_chr_show_fdinfo of drivers/net/tun.c. */
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
