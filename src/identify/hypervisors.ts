/** Names of the machines of Cloud Hypervisor, Firecracker and crosvm, from their command lines. */
import type { MachineNames } from './machine-names.js';
import { optionValue } from './option-value.js';

const UUID = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;

/**
 * The UUID that the guest is shown: `--platform uuid=UUID`, of late `system_uuid`. Machines have no name.
 * Source: vmm/src/vm_config.rs and option_parser/src/lib.rs of Cloud Hypervisor.
 */
export function cloudHypervisorMachine(args: readonly string[]): MachineNames {
  const uuids = listed(optionValue(args, '--platform') ?? '').flatMap((part) => {
    const [key = '', value = ''] = part.split('=');
    return /^(?:system_)?uuid$/.test(key) ? [value] : [];
  });
  const [uuid = ''] = uuids;
  return { name: '', uuid: uuids.length === 1 && UUID.test(uuid) ? uuid.toLowerCase() : '' };
}

/** At commas that are in no brackets and no quotes. */
function listed(value: string): string[] {
  const parts: string[] = [];
  let [part, depth, isQuoted] = ['', 0, false];
  for (const letter of value) {
    if (letter === ',' && depth === 0 && !isQuoted) {
      parts.push(part);
      part = '';
      continue;
    }
    if (letter === '"') isQuoted = !isQuoted;
    if (!isQuoted && letter === '[') depth++;
    if (!isQuoted && letter === ']') depth--;
    part += letter;
  }
  return [...parts, part];
}

/**
 * `--id ID`, as its jailer passes it on, too. Source: src/firecracker/src/main.rs, src/jailer/src/env.rs and
 * src/utils/src/arg_parser.rs of Firecracker; `--id=ID` of its versions before 0.22.
 */
export function firecrackerMachine(args: readonly string[]): MachineNames {
  return { name: optionValue(args, '--id') ?? '', uuid: '' };
}

/**
 * `crosvm run --name NAME`. Null for its other commands, which run no machine. Source:
 * src/crosvm/cmdline.rs of crosvm; the option is of 2024.
 */
export function crosvmMachine(args: readonly string[]): MachineNames | null {
  // Before the command there may be options of logging.
  const at = args.indexOf('run');
  if (at === -1) return null;
  return { name: optionValue(args.slice(at + 1), '--name') ?? '', uuid: '' };
}
