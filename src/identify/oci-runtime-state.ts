/**
 * Containers of runc and crun that no engine is above: by the control group that their state names.
 *
 * runc: `/run/runc/ID/state.json`, struct State of libcontainer/container_linux.go and BaseState of
 * container.go (seen with 1.1.5). crun: `/run/crun/ID/status`, src/libcrun/status.c. Both keep the
 * start time of the container's first process, field 22 of /proc/PID/stat.
 */
import { z } from 'zod';
import { isKernelError } from '../kernel/kernel-error.js';
import type { ControlGroup } from '../kernel/proc-pid-cgroup.js';
import { readPidStat } from '../kernel/proc-pid-stat.js';
import { jsonOf, nameText, pathText } from './json-state.js';
import type { StateFiles } from './state-files.js';

interface OciContainer {
  readonly id: string;
  /** First process. */
  readonly pid: number;
  readonly startTime: number;
  readonly groups: readonly OciGroup[];
}

interface OciGroup {
  /** A controller, `name=systemd`, empty for the unified hierarchy; null: in each hierarchy. */
  readonly controller: string | null;
  readonly path: string;
}

export interface RuntimeContainer {
  readonly runtime: 'runc' | 'crun';
  readonly id: string;
  /** Of its control group. */
  readonly path: string;
}

const RUNTIMES = [
  { runtime: 'runc', directory: '/run/runc', file: 'state.json', parse: parseRuncState },
  { runtime: 'crun', directory: '/run/crun', file: 'status', parse: parseCrunStatus },
] as const;

/** All containers of runc and crun on the host, as of the last time that one came or went. */
export class RuntimeContainers {
  #listed = '';
  #containers: readonly Listed[] = [];

  /** `procRoot` is where first processes are looked up: what has ended is no container. */
  constructor(
    private readonly files: StateFiles,
    private readonly procRoot: string,
  ) {}

  /** Those that one of the groups is of, or is below. */
  at(groups: readonly ControlGroup[]): RuntimeContainer[] {
    this.#refresh();
    return this.#containers.flatMap(({ runtime, id, container }) => {
      const path = groupOf(container, groups);
      return path !== null && isRunning(this.procRoot, container) ? [{ runtime, id, path }] : [];
    });
  }

  /** Reads again even if the same ones are there. */
  forget(): void {
    this.#listed = '';
  }

  #refresh(): void {
    const ids = RUNTIMES.map(({ directory }) => this.files.names(directory) ?? []);
    const listed = JSON.stringify(ids);
    if (listed === this.#listed) return;
    const found = RUNTIMES.flatMap(({ runtime, directory, file, parse }, at) =>
      ids[at]!.map((id) => ({
        runtime,
        id,
        container: this.files.read(directory, `${id}/${file}`, parse),
      })),
    );
    this.#containers = found.filter(isListed);
    // A directory is made before the file in it.
    this.#listed = found.every(({ container }) => container !== null) ? listed : '';
  }
}

function isListed(found: Found): found is Listed {
  // crun's file does not tell the id.
  return found.container !== null && ['', found.id].includes(found.container.id);
}

interface Found {
  readonly runtime: RuntimeContainer['runtime'];
  readonly id: string;
  readonly container: OciContainer | null;
}

type Listed = Found & { readonly container: OciContainer };

function groupOf(container: OciContainer, groups: readonly ControlGroup[]): string | null {
  for (const group of groups) {
    const controllers = group.controllers.split(',');
    for (const { controller, path } of container.groups) {
      if (path === '/' || (controller !== null && !controllers.includes(controller))) continue;
      if (group.path === path || group.path.startsWith(`${path}/`)) return path;
    }
  }
  return null;
}

function isRunning(procRoot: string, { pid, startTime }: OciContainer): boolean {
  try {
    return readPidStat(`${procRoot}/${pid}`).startTime === startTime;
  } catch (error) {
    if (isKernelError(error)) return false;
    throw error;
  }
}

const runcState = z.object({
  id: nameText.min(1),
  init_process_pid: z.int().min(1),
  init_process_start: z.int().min(0),
  cgroup_paths: z.record(z.string(), pathText),
});

/** Throws at what is not of the format. */
export function parseRuncState(bytes: Buffer): OciContainer {
  const state = runcState.parse(jsonOf(bytes));
  return {
    id: state.id,
    pid: state.init_process_pid,
    startTime: state.init_process_start,
    groups: Object.entries(state.cgroup_paths).flatMap(([controller, mounted]) => {
      const path = pathInHierarchy(mounted, controller);
      return path === null ? [] : [{ controller, path }];
    }),
  };
}

const MOUNT = '/sys/fs/cgroup';

/**
 * `/sys/fs/cgroup/memory/a` -> `/a`. Where the hierarchies are one, `/sys/fs/cgroup/a` -> `/a`; where the
 * unified one is beside others, it is mounted at `unified`.
 */
function pathInHierarchy(mounted: string, controller: string): string | null {
  if (!mounted.startsWith(`${MOUNT}/`)) return null;
  const path = mounted.slice(MOUNT.length);
  if (controller === '' && !path.startsWith('/unified/')) return path;
  const at = path.indexOf('/', 1);
  return at === -1 ? null : path.slice(at);
}

const crunStatus = z.object({
  pid: z.int().min(1),
  'process-start-time': z.int().min(1),
  'cgroup-path': pathText.min(1),
});

/** Throws at what is not of the format. */
export function parseCrunStatus(bytes: Buffer): OciContainer {
  const status = crunStatus.parse(jsonOf(bytes));
  const path = status['cgroup-path'];
  return {
    id: '',
    pid: status.pid,
    startTime: status['process-start-time'],
    groups: [{ controller: null, path: path.startsWith('/') ? path : `/${path}` }],
  };
}
