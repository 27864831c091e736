/** What finders find. */
import type { FdFinds } from '../kernel/proc-fd.js';

/** A descriptor table with descriptors of interest. */
export interface TableFinds {
  readonly pid: number;
  /** Thread whose own table it is; null for the table of the process. */
  readonly tid: number | null;
  readonly devices: FdFinds['devices'];
  readonly hidingPlaces: FdFinds['hidingPlaces'];
}

export interface Finds {
  readonly tables: TableFinds[];
  /** Network namespaces (and other ones) that are open as files: inode to one place of each. */
  readonly namespaceFiles: Map<number, { pid: number; tid: number | null; fd: number }>;
  /** Processes whose tables were looked at. */
  readonly seen: number[];
  /** Processes that may not be looked at, with the symbolic errno. */
  readonly denied: Map<number, string>;
}

export function noFinds(): Finds {
  return { tables: [], namespaceFiles: new Map(), seen: [], denied: new Map() };
}

/** All of both. */
export function merged(a: Finds, b: Finds): Finds {
  return {
    tables: [...a.tables, ...b.tables],
    namespaceFiles: new Map([...a.namespaceFiles, ...b.namespaceFiles]),
    seen: [...a.seen, ...b.seen].sort((one, other) => one - other),
    denied: new Map([...a.denied, ...b.denied]),
  };
}
