// Control groups at the top of each hierarchy, of cgroup v1, v2 or both.
import { existsSync, mkdirSync, readdirSync, rmdirSync, writeFileSync } from 'node:fs';

const MOUNT = '/sys/fs/cgroup';
/** Where the hierarchies are that systemd keeps its units in: of cgroup v2, or of `name=systemd`. */
const OF_SYSTEMD = [MOUNT, `${MOUNT}/unified`, `${MOUNT}/systemd`];

/** Why control groups cannot be made here, for node:test's `skip`. */
export function noCgroups(): string | false {
  const hierarchies = OF_SYSTEMD.filter(isHierarchy);
  if (hierarchies.length === 0) return `no control groups at ${MOUNT}`;
  try {
    for (const hierarchy of hierarchies) {
      const trial = `${hierarchy}/tapmap-ability-${process.pid}`;
      mkdirSync(trial);
      rmdirSync(trial);
    }
    return false;
  } catch (error) {
    return `control groups: ${(error as Error).message}`;
  }
}

function isHierarchy(directory: string): boolean {
  return existsSync(`${directory}/cgroup.procs`);
}

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

/**
 * Puts a process where systemd would: in the control group of a unit, in the hierarchies that systemd
 * uses on a host of its own.
 * @param slices from the outermost in, such as `system.slice`
 * @returns what removes the group again, once its process is gone
 */
export function putInUnit(pid: number, slices: readonly string[], unit: string): () => void {
  const made: string[] = [];
  for (const hierarchy of OF_SYSTEMD.filter(isHierarchy)) {
    let directory = hierarchy;
    for (const part of [...slices, unit]) {
      directory += `/${part}`;
      if (existsSync(directory)) continue;
      mkdirSync(directory);
      made.push(directory);
    }
    writeFileSync(`${directory}/cgroup.procs`, String(pid));
  }
  return () => {
    for (const directory of made.reverse()) {
      try {
        rmdirSync(directory);
      } catch (error) {
        // A slice that something else is in by now.
        if (directory.endsWith(unit)) throw error;
      }
    }
  };
}
