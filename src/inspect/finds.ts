/** What finders find. */
import type { KernelSight, TaskRecord } from '../kernel/bpf-iterators.js';
import type { FdFinds } from '../kernel/proc-fd.js';

/** A descriptor of a device node. */
export interface DeviceFind {
  readonly fd: number;
  readonly major: number;
  readonly minor: number;
  /** What the kernel's structures say of the file, from a finder that reads them. */
  readonly sight?: KernelSight;
}

/** A descriptor table with descriptors of interest. */
export interface TableFinds {
  readonly pid: number;
  /** Thread whose own table it is; null for the table of the process. */
  readonly tid: number | null;
  readonly devices: DeviceFind[];
  readonly hidingPlaces: FdFinds['hidingPlaces'];
}

export interface Finds {
  readonly tables: TableFinds[];
  /** Network namespaces (and other ones) that are open as files: inode to WAYS such files at most. */
  readonly namespaceFiles: Map<number, string[]>;
  /** Processes whose tables were looked at. */
  readonly seen: number[];
  /** Processes that may not be looked at, with the symbolic errno. */
  readonly denied: Map<number, string>;
  /** Namespaces of all processes that were seen; null from a finder that does not tell. */
  readonly tasks: readonly TaskRecord[] | null;
}

/** How many ways into a namespace to remember, should the first ones be gone when they are needed. */
export const WAYS = 3;

export function noFinds(): Finds {
  return { tables: [], namespaceFiles: new Map(), seen: [], denied: new Map(), tasks: null };
}

export function addNamespaceFile({ namespaceFiles }: Finds, inode: number, path: string): void {
  const known = namespaceFiles.get(inode);
  if (known === undefined) namespaceFiles.set(inode, [path]);
  else if (known.length < WAYS) known.push(path);
}

/** All of both. */
export function merged(a: Finds, b: Finds): Finds {
  const both: Finds = {
    tables: [...a.tables, ...b.tables],
    namespaceFiles: new Map(a.namespaceFiles),
    seen: [...a.seen, ...b.seen].sort((one, other) => one - other),
    denied: new Map([...a.denied, ...b.denied]),
    tasks: null,
  };
  for (const [inode, paths] of b.namespaceFiles) {
    for (const path of paths) addNamespaceFile(both, inode, path);
  }
  return both;
}
