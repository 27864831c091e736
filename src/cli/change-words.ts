/** What a change is, in one line for people. */
import type { TapBinding } from '../gen/tapmap/v1/tap_binding.js';
import type { BindingChange } from '../client/change.js';
import { fdWords, queueWords } from './columns.js';
import { printable, printableWord } from './escape.js';
import { netnsName } from './netns-name.js';
import { distinct, holderWords, kindWord, verdictWord, whyWords, workloadWords } from './words.js';

const GAP = '  ';

/** `~ fooz/tap0  holder 123 qemu -> none  HELD -> UNHELD`; null: nothing that people would see. */
export function changeLine(change: BindingChange): string | null {
  switch (change.kind) {
    case 'added': {
      const { after, movedFrom } = change;
      const origin = movedFrom === '' ? [] : [`moved here from ${printable(movedFrom)}`];
      return ['+ ' + place(after), kindWord(after.device?.kind), ...state(after), ...origin].join(
        GAP,
      );
    }
    case 'removed': {
      const { before } = change;
      return ['- ' + place(before), `was ${state(before).join(GAP)}`].join(GAP);
    }
    case 'moved': {
      const { before, after } = change;
      const [from, to] = [before, after].map(({ device }) => netnsName(device?.netns));
      const name = printableWord(after.device?.name ?? '?');
      return [`~ ${name} moved ${from ?? '?'} -> ${to ?? '?'}`, ...changeWords(before, after)].join(
        GAP,
      );
    }
    case 'modified': {
      const { before, after, changedFields } = change;
      const words = changeWords(before, after);
      const shown = words.length > 0 ? words : otherWords(changedFields ?? []);
      return shown.length === 0 ? null : [`~ ${place(after)}`, ...shown].join(GAP);
    }
  }
}

/** `fooz/tap0`. */
function place({ device }: TapBinding): string {
  return `${netnsName(device?.netns)}/${printableWord(device?.name ?? '?')}`;
}

function state(binding: TapBinding): string[] {
  return [
    verdictWords(binding),
    ...(binding.holders.length > 0 ? [holderWords(binding.holders)] : []),
  ];
}

function verdictWords(binding: TapBinding): string {
  const why = whyWords(binding);
  return verdictWord(binding.verdict) + (why === '' ? '' : ` (${why})`);
}

/** Each thing that differs, as `WHAT OLD -> NEW`. Where it is, is not among them: see `moved`. */
function changeWords(before: TapBinding, after: TapBinding): string[] {
  const [b, a] = [before.device, after.device];
  const words: string[] = [];
  const differ = (what: string, old: string, now: string): void => {
    if (old !== now) words.push(`${what}${old || '-'} -> ${now || '-'}`);
  };
  differ('renamed ', printableWord(b?.name ?? ''), printableWord(a?.name ?? ''));
  differ('ifindex ', `${b?.ifindex ?? ''}`, `${a?.ifindex ?? ''}`);
  const one = before.holders.length <= 1 && after.holders.length <= 1;
  differ(one ? 'holder ' : 'holders ', holderWords(before.holders), holderWords(after.holders));
  const sameProcesses = words.every((word) => !word.startsWith('holder'));
  if (sameProcesses) {
    differ('fds ', fdWords(before.holders), fdWords(after.holders));
    differ('workload ', workloads(before), workloads(after));
    differ('uid ', uids(before), uids(after));
    differ('process netns ', processNetns(before), processNetns(after));
  }
  differ('', verdictWords(before), verdictWords(after));
  // A queue count that follows from the holders says nothing new.
  if (words.length === 0) differ('queues ', queueWords(before), queueWords(after));
  differ('', b?.up === true ? 'up' : 'down', a?.up === true ? 'up' : 'down');
  differ('master ', printable(b?.master?.name ?? 'none'), printable(a?.master?.name ?? 'none'));
  differ('mtu ', `${b?.mtu ?? ''}`, `${a?.mtu ?? ''}`);
  differ('address ', printable(b?.hardwareAddress ?? ''), printable(a?.hardwareAddress ?? ''));
  differ('alias ', printable(b?.alias ?? ''), printable(a?.alias ?? ''));
  differ('persistent ', yesNo(b?.persistent), yesNo(a?.persistent));
  differ('vnet_hdr ', yesNo(b?.vnetHdr), yesNo(a?.vnetHdr));
  differ('packet info ', yesNo(b?.packetInfo), yesNo(a?.packetInfo));
  differ('owner ', `${b?.ownerUid ?? 'anyone'}`, `${a?.ownerUid ?? 'anyone'}`);
  differ('group ', `${b?.groupGid ?? 'anyone'}`, `${a?.groupGid ?? 'anyone'}`);
  if (before.name === after.name) differ('netns paths ', paths(before), paths(after));
  return words;
}

const BOOKKEEPING = new Set(['first_seen', 'last_changed', 'last_holder']);

/** Whatever the server says differs and has no words of its own here. */
function otherWords(fields: readonly string[]): string[] {
  const told = fields.filter((field) => !BOOKKEEPING.has(field)).map(printable);
  return told.length === 0 ? [] : [`changed: ${told.join(', ')}`];
}

function workloads({ holders }: TapBinding): string {
  return distinct(holders.map(({ workload }) => workloadWords(workload))).join();
}

function uids({ holders }: TapBinding): string {
  return distinct(holders.map(({ process }) => `${process?.uid ?? '?'}`)).join();
}

function processNetns({ holders }: TapBinding): string {
  return distinct(holders.map(({ process }) => netnsName(process?.netns))).join();
}

function paths({ device }: TapBinding): string {
  return device?.netns?.paths.map(printable).join() ?? '';
}

function yesNo(value: boolean | undefined): string {
  return value === true ? 'yes' : 'no';
}
