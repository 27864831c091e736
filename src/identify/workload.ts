/** Tells what people call what a process belongs to. */
import type { ControlGroup } from '../kernel/proc-pid-cgroup.js';
import type { Workload } from '../model/holder.js';
import { containerOf } from './container.js';
import type { RuntimeContainers } from './oci-runtime-state.js';
import type { StateFiles } from './state-files.js';
import { unitOf } from './systemd-unit.js';
import { libvirtMachine } from './libvirt-state.js';
import type { RunningMachine } from './machine-names.js';
import { runningMachine } from './virtual-machine.js';

/** What is known of a process. */
export interface Subject {
  readonly pid: number;
  readonly startTime: number;
  readonly executable: string;
  readonly commandLine: readonly string[];
  readonly controlGroups: readonly ControlGroup[];
}

/** Null when it cannot be told with certainty: wrong is worse than unset. */
export function workloadOf(
  files: StateFiles,
  runtimes: RuntimeContainers,
  subject: Subject,
): Workload | null {
  const container = containerOf(files, runtimes, subject.controlGroups);
  const machine = machineOf(files, subject);
  if (machine !== null) return { kind: 'virtualMachine', ...machine, container };
  return container ?? unitOf(subject.controlGroups);
}

function machineOf(files: StateFiles, subject: Subject): RunningMachine | null {
  const running = runningMachine(subject);
  const paths = new Set(subject.controlGroups.map(({ path }) => path));
  for (const path of paths) {
    const ofLibvirt = libvirtMachine(files, path);
    // libvirt's word, which is root's, goes before that of a command line.
    if (
      ofLibvirt !== null &&
      (running?.hypervisor ?? ofLibvirt.hypervisor) === ofLibvirt.hypervisor
    ) {
      return ofLibvirt;
    }
  }
  return running;
}
