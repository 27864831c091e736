/**
 * The virtual machine whose control group libvirt made: of QEMU or Cloud Hypervisor itself, and of the
 * programs that libvirt starts beside them.
 *
 * Groups: `machine-qemu\x2d1\x2dNAME.scope` with systemd-machined, `/machine/qemu-1-NAME.libvirt-qemu` without
 * (src/util/vircgroup.c of libvirt). What stands there for the name has lost letters, so that only the
 * status file of the domain, `/run/libvirt/qemu/NAME.xml`, tells it (src/hypervisor/domain_driver.c,
 * src/conf/domain_conf.c).
 */
import { groupsOf } from './container-group.js';
import type { RunningMachine } from './machine-names.js';
import type { StateFiles } from './state-files.js';
import { unescapeUnitName } from './unit-name.js';

const HYPERVISORS: Readonly<Record<string, string>> = {
  qemu: 'qemu',
  ch: 'cloud-hypervisor',
};

/** Null when the group is none of libvirt's, or no status file is of it. */
export function libvirtMachine(files: StateFiles, path: string): RunningMachine | null {
  const machine = machineOfGroup(path);
  const [, driver = '', id = ''] = /^(qemu|ch)-([0-9]+)-/.exec(machine) ?? [];
  const hypervisor = HYPERVISORS[driver];
  if (hypervisor === undefined) return null;
  const directory = `/run/libvirt/${driver}`;
  const domains = (files.names(directory) ?? [])
    .filter((file) => file.endsWith('.xml'))
    .filter((file) => machineName(driver, id, file.slice(0, -'.xml'.length)) === machine)
    .flatMap((file) => files.read(directory, file, parseStatus) ?? [])
    .filter((domain) => domain.id === id && machineName(driver, id, domain.name) === machine);
  const [domain, ...others] = domains;
  if (domain === undefined || others.length > 0) return null;
  return { hypervisor, name: domain.name, uuid: domain.uuid };
}

/** `qemu-1-NAME`; empty when it is none of libvirt's groups. */
function machineOfGroup(path: string): string {
  const groups = groupsOf(path) ?? [];
  const unit = groups.find((group) => !group.endsWith('.slice')) ?? '';
  const scope = /^machine-(.+)\.scope$/.exec(unit)?.[1];
  if (scope !== undefined) return unescapeUnitName(scope);
  const [first, second = ''] = groups;
  return first === 'machine' ? (/^(.+)\.libvirt-(?:qemu|ch)$/.exec(second)?.[1] ?? '') : '';
}

const MACHINE_NAME_MAX = 64;

/** The name under which libvirt registers a domain: letters that a host name may not have are left out. */
function machineName(driver: string, id: string, domain: string): string {
  let name = `${driver}-${id}-`;
  let afterMark = true;
  for (const letter of domain) {
    if (name.length >= MACHINE_NAME_MAX) break;
    const isMark = letter === '.' || letter === '-';
    if (isMark ? afterMark : !/[a-zA-Z0-9]/.test(letter)) continue;
    name += letter;
    afterMark = isMark;
  }
  return name.replace(/[-.]+$/, '');
}

interface Domain {
  readonly id: string;
  readonly name: string;
  readonly uuid: string;
}

/**
 * As libvirt writes it: the id in the element of the domain, then name and UUID before all else. A line is
 * looked at once, whatever it is made of.
 */
const DOMAIN =
  /^ *<domain type='[^'<>]*' id='([0-9]+)'[^<>]*>\s*<name>([^<>]+)<\/name>\s*<uuid>([0-9a-f-]{36})<\/uuid>/m;

/** Throws at what is not of the format. */
export function parseStatus(bytes: Buffer): Domain {
  const text = bytes.toString('utf8');
  const found = /<domstatus [^<>]*>/.test(text) ? DOMAIN.exec(text) : null;
  const [, id, name, uuid] = found ?? [];
  if (id === undefined || name === undefined || uuid === undefined)
    throw new SyntaxError('no domain');
  return { id, name: unescapeXml(name), uuid };
}

const ENTITIES: Readonly<Record<string, string>> = {
  amp: '&',
  lt: '<',
  gt: '>',
  quot: '"',
  apos: "'",
};

function unescapeXml(text: string): string {
  return text.replace(/&(?:#x([0-9a-fA-F]{1,6})|([a-z]+));/g, (whole, hex?: string, name = '') => {
    if (hex === undefined) return ENTITIES[name as string] ?? whole;
    const point = Number.parseInt(hex, 16);
    return point <= 0x10_ffff ? String.fromCodePoint(point) : whole;
  });
}
