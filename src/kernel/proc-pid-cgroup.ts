/** /proc/PID/cgroup: see cgroups(7). */
import { readBytes } from './descriptor.js';

/** Throws KernelError. */
export function readCgroup(directory: string): string {
  return parseCgroup(readBytes(`${directory}/cgroup`));
}

/**
 * The path in the unified hierarchy, or in that of `name=systemd` where the unified one is the root:
 * hybrid hosts keep their processes there.
 */
export function parseCgroup(bytes: Buffer): string {
  let unified = '';
  let systemd = '';
  for (const line of bytes.toString('utf8').split('\n')) {
    // hierarchy-ID:controller-list:cgroup-path, where the path may hold colons.
    const [id, controllers, ...rest] = line.split(':');
    const path = rest.join(':');
    if (id === '0' && controllers === '') unified = path;
    else if (controllers === 'name=systemd') systemd = path;
  }
  return unified === '' || unified === '/' ? systemd || unified : unified;
}
