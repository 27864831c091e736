// Control groups at the top of each hierarchy, of cgroup v1, v2 or both.
import { existsSync, readdirSync, rmdirSync } from 'node:fs';

const MOUNT = '/sys/fs/cgroup';

/** The directories of that control group, in whichever hierarchies it is. */
export function cgroupDirectories(name: string): string[] {
  return [MOUNT, ...readdirSync(MOUNT).map((entry) => `${MOUNT}/${entry}`)]
    .map((hierarchy) => `${hierarchy}/${name}`)
    .filter((directory) => existsSync(directory));
}

/** Removes an empty control group, which runtimes leave behind as the parent of their containers'. */
export function removeCgroup(name: string): void {
  for (const directory of cgroupDirectories(name)) rmdirSync(directory);
}
