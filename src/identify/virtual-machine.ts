/**
 * The virtual machine that a process runs, by its executable and its command line. Never by its command
 * name, which a process may choose, nor by what a shell was asked to start.
 */
import { cloudHypervisorMachine, crosvmMachine, firecrackerMachine } from './hypervisors.js';
import { qemuMachine } from './qemu.js';
import type { MachineNames, RunningMachine } from './machine-names.js';

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
  {
    hypervisor: 'cloud-hypervisor',
    executable: /^cloud-hypervisor(?:-static)?(?:-[\w.]+)*$/,
    machineOf: cloudHypervisorMachine,
  },
  {
    hypervisor: 'firecracker',
    // A released one has its version in its name.
    executable: /^firecracker(?:-v[\w.-]+)?$/,
    machineOf: firecrackerMachine,
  },
  { hypervisor: 'crosvm', executable: /^crosvm$/, machineOf: crosvmMachine },
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
