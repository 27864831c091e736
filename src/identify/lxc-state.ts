/**
 * Containers of LXC, and of LXD and Incus, which use it: `/lxc.payload.NAME` (since LXC 4.0),
 * `/lxc.payload/NAME` (3.1), `/lxc/NAME` (before, and Proxmox VE). Source: src/lxc/cgroups/cgfsng.c.
 * `lxc.monitor` is the process that watches over one.
 */
import { groupsOf } from './container-group.js';
import type { PlacedContainer } from './engine-container.js';
import type { StateFiles } from './state-files.js';

const STATES = [
  { runtime: 'lxc', directory: '/var/lib/lxc' },
  { runtime: 'lxd', directory: '/var/lib/lxd/containers' },
  { runtime: 'lxd', directory: '/var/snap/lxd/common/lxd/containers' },
  { runtime: 'incus', directory: '/var/lib/incus/containers' },
] as const;

/** Groups at the top are made by root alone: what a user or a container made below theirs is not told. */
export function lxcContainer(files: StateFiles, path: string): PlacedContainer | null {
  const groups = groupsOf(path) ?? [];
  const [first = '', second = ''] = groups;
  const payload = /^lxc\.payload\.(.+)$/.exec(first)?.[1];
  if (payload !== undefined) return proven(files, payload, `/${first}`, isUnambiguous(payload));
  if (first !== 'lxc.payload' && first !== 'lxc') return null;
  return second === '' ? null : proven(files, second, `/${first}/${second}`, false);
}

/** Of a group that is there already LXC makes another, `-1` and so on behind the name. */
function isUnambiguous(name: string): boolean {
  return !/-[0-9]+$/.test(name);
}

function proven(
  files: StateFiles,
  name: string,
  path: string,
  pathIsProof: boolean,
): PlacedContainer | null {
  const runtimes = STATES.filter(({ directory }) => has(files, directory, name));
  const base = name.replace(/-[0-9]+$/, '');
  const isBase = base !== name && STATES.some(({ directory }) => has(files, directory, base));
  // Of two, either may be meant.
  if (runtimes.length > 1 || isBase) return null;
  const [found] = runtimes;
  if (found === undefined && !pathIsProof) return null;
  const runtime = found?.runtime ?? 'lxc';
  const names = { podUid: '', podName: '', podNamespace: '' };
  return {
    container: { kind: 'container', runtime, id: name, name: nameIn(runtime, name), ...names },
    path,
  };
}

/** Entries of LXD and Incus are links. */
function has(files: StateFiles, directory: string, name: string): boolean {
  return files.names(directory)?.includes(name) ?? false;
}

/** Names of LXD's and Incus' containers have no `_`: before it is a project. */
function nameIn(runtime: string, name: string): string {
  return runtime === 'lxc' ? name : name.slice(name.indexOf('_') + 1);
}
