/**
 * Name and UUID of a machine of QEMU, from its command line. Sources: softmmu/vl.c (lookup_opt),
 * qemu-options.hx, util/qemu-option.c; seen with 7.2.22: a doubled comma is a comma, `-name` given
 * twice is merged, and of each key the last value counts.
 */
import type { MachineNames } from './machine-names.js';

/** Options without an argument: each other one takes the next word, whatever it looks like. */
const ALONE = new Set(
  `h help version mem-prealloc audio-help snapshot usb nographic portrait full-screen win2k-hack
  no-fd-bootchk no-acpi no-hpet singlestep one-insn-per-tb preconfig S s enable-kvm no-kvm
  no-kvm-irqchip no-kvm-pit no-kvm-pit-reinjection xen-attach xen-create xen-domid-restrict no-reboot
  no-shutdown daemonize only-migratable nodefaults nodefconfig no-user-config async-teardown
  enable-sync-profile enable-hax enable-fips tdf alt-grab ctrl-grab no-frame no-quit sdl curses
  semihosting old-param enable-nesting`.split(/\s+/),
);

const UUID = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;

/** `args` without the command itself. */
export function qemuMachine(args: readonly string[]): MachineNames {
  let name = '';
  let uuid = '';
  for (let at = 0; at < args.length; at++) {
    const option = /^--?(.+)$/.exec(args[at]!)?.[1];
    // What is no option is the image of a disk.
    if (option === undefined || ALONE.has(option)) continue;
    const value = args[++at] ?? '';
    if (option === 'name') name = guestOf(value) ?? name;
    // QEMU itself tells it in small letters.
    if (option === 'uuid') uuid = UUID.test(value) ? value.toLowerCase() : '';
    // A file may set both, and is not ours to read.
    if (option === 'readconfig') return { name: '', uuid: '' };
  }
  return { name, uuid };
}

/** `guest=NAME,debug-threads=on`, or `NAME,debug-threads=on`. */
function guestOf(value: string): string | null {
  let guest: string | null = null;
  splitValue(value).forEach((part, at) => {
    const [key, ...rest] = part.split('=');
    if (rest.length === 0 && at === 0) guest = part;
    // Without a value it is a switch, which is no name.
    else if (key === 'guest') guest = rest.join('=');
  });
  return guest;
}

/** At commas; a doubled one is a comma of the value. */
function splitValue(value: string): string[] {
  const parts: string[] = [];
  let part = '';
  for (let at = 0; at < value.length; at++) {
    const letter = value[at]!;
    if (letter === ',' && value[at + 1] !== ',') {
      parts.push(part);
      part = '';
      continue;
    }
    if (letter === ',') at++;
    part += letter;
  }
  return [...parts, part];
}
