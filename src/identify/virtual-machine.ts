/**
 * The virtual machine that a process runs, by its executable and its command line. Never by its command
 * name, which a process may choose, nor by what a shell was asked to start.
 */
import { qemuMachine } from './qemu.js';
import type { MachineNames } from './machine-names.js';

export interface RunningMachine extends MachineNames {
  readonly hypervisor: string;
}

interface Hypervisor {
  readonly hypervisor: string;
  /** Base name of the executable. */
  readonly executable: RegExp;
  readonly machineOf: (args: readonly string[]) => MachineNames | null;
}

const HYPERVISORS: readonly Hypervisor[] = [
  {
    hypervisor: 'qemu',
    // NixOS has the program itself behind a script of its name.
    executable: /^(?:qemu-system-[\w-]+|qemu-kvm|\.qemu-system-[\w-]+-wrapped)$/,
    machineOf: qemuMachine,
  },
];

/** Null when it runs none, or may not be asked. */
export function runningMachine(process: {
  readonly executable: string;
  readonly commandLine: readonly string[];
}): RunningMachine | null {
  // A file that was replaced by an update since: see proc_pid_exe(5).
  const path = process.executable.replace(/ \(deleted\)$/, '');
  const name = path.slice(path.lastIndexOf('/') + 1);
  const found = HYPERVISORS.find(({ executable }) => executable.test(name));
  if (found === undefined) return null;
  const args = process.commandLine.slice(1);
  // Cut short, or overwritten: what is missing may say otherwise.
  const machine = isWhole(process.commandLine) ? found.machineOf(args) : NOT_TOLD;
  return machine && { hypervisor: found.hypervisor, ...machine };
}

const NOT_TOLD: MachineNames = { name: '', uuid: '' };

function isWhole(commandLine: readonly string[]): boolean {
  return !(commandLine.at(-1) ?? '').endsWith('…');
}
