// A host that is a tree of fixtures, and processes on it.
import { fileURLToPath } from 'node:url';
import { RuntimeContainers } from '../../src/identify/oci-runtime-state.js';
import { StateFiles } from '../../src/identify/state-files.js';
import { workloadOf, type Subject } from '../../src/identify/workload.js';
import { parseCgroup } from '../../src/kernel/proc-pid-cgroup.js';
import type { Workload } from '../../src/model/holder.js';

export const ID = '0123456789abcdef'.repeat(4);
export const OTHER = 'fedcba9876543210'.repeat(4);
/** Of a pod. */
export const UID = '6f1c0b1e-6b4e-4b43-9f43-2b1f0d0c9a11';
export const UID_IN_SLICE = UID.replaceAll('-', '_');

export const BURSTABLE = `/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod${UID_IN_SLICE}.slice`;
export const BESTEFFORT = `/kubepods.slice/kubepods-besteffort.slice/kubepods-besteffort-pod${UID_IN_SLICE}.slice`;

export function fixture(name: string): string {
  return fileURLToPath(new URL(`./fixtures/${name}`, import.meta.url));
}

export class FixtureHost {
  readonly files: StateFiles;
  readonly #runtimes: RuntimeContainers;

  /** `tree` is the name of a fixture, or the absolute path of a directory. */
  constructor(tree: string) {
    const root = tree.startsWith('/') ? tree : fixture(tree);
    this.files = new StateFiles(root);
    this.#runtimes = new RuntimeContainers(this.files, `${root}/proc`);
  }

  /** `cgroup` is /proc/PID/cgroup, or one path for a host with cgroup v2 alone. */
  workload(cgroup: string, process: Partial<Subject> = {}): Workload | null {
    const text = cgroup.startsWith('/') ? `0::${cgroup}\n` : cgroup;
    return workloadOf(this.files, this.#runtimes, {
      pid: 77,
      startTime: 1,
      executable: '/usr/bin/holder',
      commandLine: ['holder'],
      controlGroups: parseCgroup(Buffer.from(text)).all,
      ...process,
    });
  }
}

/** A container, of which nothing more is known. */
export function bare(runtime: string, id: string, podUid = ''): Workload {
  return { kind: 'container', runtime, id, name: '', podUid, podName: '', podNamespace: '' };
}

/** A container of the pod that the fixtures have. */
export function ofPod(runtime: string, id: string, name: string): Workload {
  const pod = { podUid: UID, podName: 'router-0', podNamespace: 'shop' };
  return { kind: 'container', runtime, id, name, ...pod };
}

export function named(runtime: string, id: string, name: string): Workload {
  return { ...bare(runtime, id), name } as Workload;
}
