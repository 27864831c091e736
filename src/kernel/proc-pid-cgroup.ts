/** /proc/PID/cgroup: see cgroups(7). */
import { readBytes } from './descriptor.js';

/** The control group of a process in one hierarchy. */
export interface ControlGroup {
  /** `cpu,cpuacct`, `name=systemd`; empty for the unified hierarchy. */
  readonly controllers: string;
  /** From the root of the hierarchy, or from that of the reader's cgroup namespace. */
  readonly path: string;
}

export interface ControlGroups {
  /**
   * The path in the unified hierarchy, or in that of `name=systemd` where the unified one is the root:
   * hybrid hosts keep their processes there.
   */
  readonly path: string;
  /** In the order of the file. */
  readonly all: readonly ControlGroup[];
}

/** Throws KernelError. */
export function readCgroup(directory: string): ControlGroups {
  return parseCgroup(readBytes(`${directory}/cgroup`));
}

/** What was parsed last, by text: many processes are in the same groups. */
const parsed = new Map<string, ControlGroups>();
const PARSED_MAX = 1000;

export function parseCgroup(bytes: Buffer): ControlGroups {
  const text = bytes.toString('utf8');
  let groups = parsed.get(text);
  if (groups === undefined) {
    groups = parseText(text);
    if (parsed.size === PARSED_MAX) parsed.clear();
    parsed.set(text, groups);
  }
  return groups;
}

function parseText(text: string): ControlGroups {
  const all: ControlGroup[] = [];
  for (const line of text.split('\n')) {
    // hierarchy-ID:controller-list:cgroup-path, where the path may hold colons.
    const [id, controllers, ...rest] = line.split(':');
    if (controllers === undefined || rest.length === 0) continue;
    // Only the unified hierarchy has no controllers in its line.
    if ((id === '0') !== (controllers === '')) continue;
    all.push({ controllers, path: rest.join(':') });
  }
  const of = (name: string) => all.findLast(({ controllers }) => controllers === name)?.path ?? '';
  const [unified, systemd] = [of(''), of('name=systemd')];
  return { path: unified === '' || unified === '/' ? systemd || unified : unified, all };
}
