/** The flags of `list` and `watch` that select devices: together they make one filter. */
import { type Command, InvalidArgumentError, Option } from 'commander';
import { TapBindingFilter } from '../gen/tapmap/v1/tap_binding_service.js';
import { DeviceKind, Verdict } from '../gen/tapmap/v1/tap_binding.js';
import { HOST } from './netns-name.js';

const UINT32_MAX = 0xffff_ffff;
const UINT64_MAX = 0xffff_ffff_ffff_ffffn;

export interface FilterFlags {
  readonly name?: string;
  readonly netns?: string;
  readonly cookie?: bigint;
  readonly pid?: number;
  readonly uid?: number;
  readonly comm?: string;
  readonly container?: string;
  readonly containerName?: string;
  readonly pod?: string;
  readonly podName?: string;
  readonly podNamespace?: string;
  readonly vm?: string;
  readonly unit?: string;
  readonly verdict?: Verdict[];
  readonly kind?: DeviceKind[];
  readonly master?: string;
  readonly resource?: string;
}

export function addFilterFlags(command: Command): Command {
  const flag = (flags: string, description: string, parse: (value: string) => unknown): void => {
    command.addOption(
      new Option(flags, description)
        .helpGroup('Filters (a device is shown when all that are given match):')
        .argParser((value: string, previous: unknown) => {
          if (previous !== undefined) throw new InvalidArgumentError('It is given twice.');
          return parse(value);
        }),
    );
  };
  const list = <T>(flags: string, description: string, known: ReadonlyMap<string, T>): void => {
    const parse = oneOf(known);
    command.addOption(
      new Option(flags, description)
        // For help and completion: parsing takes commas, too.
        .choices([...known.keys()])
        .helpGroup('Filters (a device is shown when all that are given match):')
        .argParser((value: string, previous: T[] | undefined) => [
          ...(previous ?? []),
          ...parse(value),
        ]),
    );
  };
  flag('--name <glob>', 'name of the device: * ? [a-c] [!a-c]', text);
  flag(
    '--netns <netns>',
    'namespace of the device: NAME, PATH, COMM/PID, INODE or `host`',
    checkedNetns,
  );
  flag('--cookie <cookie>', 'cookie of the namespace of the device', whole64);
  flag('--pid <pid>', 'process id of a holder', (value) => whole(value, 1));
  flag('--uid <uid>', 'effective user id of a holder', (value) => whole(value, 0));
  flag('--comm <glob>', 'command name of a holder', text);
  flag('--container <id>', 'container of a holder, by 12 or more characters of its id', text);
  flag('--container-name <glob>', 'name of the container of a holder', text);
  flag('--pod <uid>', 'Kubernetes pod of a holder, by its uid', text);
  flag('--pod-name <glob>', 'Kubernetes pod of a holder, by its name', text);
  flag('--pod-namespace <glob>', 'Kubernetes namespace of that pod', text);
  flag('--vm <glob>', 'virtual machine of a holder', text);
  flag('--unit <glob>', 'systemd unit of a holder', text);
  list('--verdict <verdict>', 'what is said of who holds it; repeats, or commas', VERDICTS);
  list('--kind <kind>', 'kind of the device; repeats, or commas', KINDS);
  flag('--master <glob>', 'bridge, bond or other device that it is enslaved to', text);
  flag('--resource <name>', 'resource name, as --json shows it', text);
  return command;
}

/** For the server; empty: all devices. */
export function filterOf(flags: FilterFlags): TapBindingFilter[] {
  const fields: Partial<TapBindingFilter> = {
    deviceName: flags.name ?? '',
    ...(flags.netns === undefined ? {} : netnsFields(flags.netns)),
    netnsCookie: flags.cookie ?? 0n,
    pid: flags.pid ?? 0,
    comm: flags.comm ?? '',
    containerId: flags.container ?? '',
    containerName: flags.containerName ?? '',
    podUid: flags.pod ?? '',
    podName: flags.podName ?? '',
    podNamespace: flags.podNamespace ?? '',
    vmName: flags.vm ?? '',
    systemdUnit: flags.unit ?? '',
    verdict: flags.verdict ?? [],
    kind: flags.kind ?? [],
    master: flags.master ?? '',
    name: flags.resource ?? '',
  };
  const filter = TapBindingFilter.fromPartial({
    ...fields,
    ...(flags.uid === undefined ? {} : { uid: flags.uid }),
  });
  const given = TapBindingFilter.encode(filter).finish().length > 0;
  return given ? [filter] : [];
}

/** `COMM/PID`: the process says which namespace it is, its command is for people. */
const INHABITANT = /^[^/].*\/([1-9]\d{0,9})$/;

/** A namespace as people write it: `fooz` is /run/netns/fooz. */
export function netnsFields(given: string): Partial<TapBindingFilter> {
  if (given === HOST) return { netnsInitial: true };
  const inode = inodeOf(given);
  if (inode !== undefined) return { netnsInode: BigInt(inode) };
  const inhabitant = INHABITANT.exec(given)?.[1];
  if (inhabitant !== undefined) return { netnsPid: Number(inhabitant) };
  return { netnsPath: given.startsWith('/') ? given : `/run/netns/${given}` };
}

/** `4026531833` or, as the kernel writes it, `net:[4026531833]`. */
function inodeOf(given: string): string | undefined {
  const match = /^(?:net:\[(\d+)\]|(\d+))$/.exec(given);
  return match?.[1] ?? match?.[2];
}

/** A glob that matches this name alone. */
export function globOf(name: string): string {
  return name.replace(/[*?[\]\\]/g, '\\$&');
}

const VERDICTS = new Map([
  ['held', Verdict.VERDICT_HELD],
  ['kept', Verdict.VERDICT_KEPT],
  ['unheld', Verdict.VERDICT_UNHELD],
  ['hidden', Verdict.VERDICT_HIDDEN],
  ['unknown', Verdict.VERDICT_UNKNOWN],
]);

const KINDS = new Map([
  ['tun', DeviceKind.DEVICE_KIND_TUN],
  ['tap', DeviceKind.DEVICE_KIND_TAP],
  ['macvtap', DeviceKind.DEVICE_KIND_MACVTAP],
  ['ipvtap', DeviceKind.DEVICE_KIND_IPVTAP],
]);

function words(values: ReadonlyMap<string, unknown>): string {
  return [...values.keys()].join(', ');
}

function oneOf<T>(values: ReadonlyMap<string, T>): (value: string) => T[] {
  return (value) =>
    value.split(',').map((word) => {
      const found = values.get(word.trim().toLowerCase());
      if (found === undefined) throw new InvalidArgumentError(`Choose from ${words(values)}.`);
      return found;
    });
}

// An empty value would be an unset field, which matches everything.
function text(value: string): string {
  if (value === '') throw new InvalidArgumentError('It is empty.');
  return value;
}

function whole(value: string, least: number): number {
  const number = /^\d{1,10}$/.test(value) ? Number(value) : NaN;
  if (number >= least && number <= UINT32_MAX) return number;
  throw new InvalidArgumentError(`It must be a whole number from ${least} to ${UINT32_MAX}.`);
}

function whole64(value: string): bigint {
  const number = /^\d{1,20}$/.test(value) ? BigInt(value) : 0n;
  if (number >= 1n && number <= UINT64_MAX) return number;
  throw new InvalidArgumentError(`It must be a whole number from 1 to ${UINT64_MAX}.`);
}

/** A namespace as `netnsFields` takes it. Throws InvalidArgumentError. */
export function checkedNetns(value: string): string {
  const inode = inodeOf(value);
  if (inode !== undefined) whole64(inode);
  const inhabitant = INHABITANT.exec(value)?.[1];
  if (inhabitant !== undefined) {
    whole(inhabitant, 1);
    return value;
  }
  if (value === '.' || value === '..' || (value.includes('/') && !value.startsWith('/'))) {
    throw new InvalidArgumentError(
      'It must be a name, an absolute path, COMM/PID, or an inode number.',
    );
  }
  return text(value);
}
