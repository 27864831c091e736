/** The sentences of `tapmap who`. */
import { Evidence, Verdict } from '../gen/tapmap/v1/tap_binding.js';
import type { Holder, HolderFd, TapBinding } from '../gen/tapmap/v1/tap_binding.js';
import { plural } from './coverage.js';
import { printable, printableWord } from './escape.js';
import { netnsIdentity, netnsName, sameNetns } from './netns-name.js';
import { commWord, kindWord, verdictWord, workloadWords } from './words.js';

/** Who holds this device: one sentence, or one and a line for each holder. */
export function deviceAnswer(binding: TapBinding): string[] {
  const { holders, verdict } = binding;
  const device = deviceWords(binding);
  const only = holders.length === 1 ? holders[0] : undefined;
  const by = only === undefined ? '' : `process ${holderClause(only, binding)}`;
  const several = holders.length > 1 ? severalLines(binding) : [];
  const count = plural(holders.length, 'process', 'processes');
  switch (verdict) {
    case Verdict.VERDICT_HELD:
      if (only !== undefined) return [`${device} is held by ${by}.`];
      return several.length > 0
        ? [`${device} is held by ${count}:`, ...several]
        : [`${device} is held, but not told by whom.`];
    case Verdict.VERDICT_KEPT: {
      const why = 'all its queues are detached, so no packet flows';
      if (only !== undefined) return [`${device} is only kept, by ${by}: ${why}.`];
      return [`${device} is only kept, by ${count}: ${why}.`, ...several];
    }
    case Verdict.VERDICT_UNHELD:
      return [`${device} is held by nobody${lastWords(binding)}.`];
    case Verdict.VERDICT_HIDDEN:
      return [
        `${device} is held by something that no process's descriptors show${queuesWords(binding)}${hintWords(binding)}.`,
        ...found(by, several),
      ];
    default:
      return [
        `${device}: who holds it is not known${reasonWords(binding)}.`,
        ...found(by, several),
      ];
  }
}

/** That this process holds this device, and where both are. */
export function processAnswer(binding: TapBinding, pid: number): string {
  const holder = binding.holders.find(({ process }) => process?.pid === pid);
  if (holder === undefined) return '';
  const verb = binding.verdict === Verdict.VERDICT_KEPT ? 'only keeps (detached)' : 'holds';
  const doubt =
    binding.verdict === Verdict.VERDICT_UNKNOWN
      ? `; whether anyone else does is not known${reasonWords(binding)}`
      : binding.verdict === Verdict.VERDICT_HIDDEN
        ? `; so does something that no process's descriptors show${hintWords(binding)}`
        : '';
  const others = binding.holders.filter((other) => other !== holder);
  const beside = others.length === 0 ? '' : `; so ${others.length === 1 ? 'does' : 'do'} `;
  const names = others.map((other) => {
    const shares = sharedWith(holder, [other]).length > 0 ? ', sharing the open file' : '';
    return `process ${nameWords(other)}${shares}`;
  });
  const device = binding.device?.netns;
  const own = holder.process?.netns;
  const elsewhere =
    device !== undefined && own !== undefined && !sameNetns(device, own)
      ? ` The process itself is in ${netnsName(own)} (${netnsIdentity(own)}), not in ${netnsName(device)}.`
      : '';
  const fds = fdClause(holder);
  return (
    `Process ${nameWords(holder)} ${verb} ${deviceWords(binding)} ${fds}` +
    `${beside}${names.join(' and ')}${doubt}.${elsewhere}`
  );
}

/** `tap123 in fooz (tap; netns 4026532281, /run/netns/fooz; ifindex 3)`. */
export function deviceWords({ device }: TapBinding): string {
  const name = printableWord(device?.name ?? '?');
  const identity = netnsIdentity(device?.netns);
  const ifindex = device?.ifindex ?? '?';
  return `${name} in ${netnsName(device?.netns)} (${kindWord(device?.kind)}; ${identity}; ifindex ${ifindex})`;
}

/** `4242 (qemu, uid 107 libvirt-qemu, vm web1)`. */
function nameWords({ process, workload }: Holder): string {
  const what = workloadWords(workload);
  const user = printableWord(process?.userName ?? '');
  const uid = `uid ${process?.uid ?? '?'}${user === '' ? '' : ` ${user}`}`;
  const facts = [commWord(process), uid, ...(what === '' ? [] : [what])];
  return `${process?.pid ?? '?'} (${facts.join(', ')})`;
}

function holderClause(holder: Holder, { device }: TapBinding, origin = ''): string {
  const own = holder.process?.netns;
  const elsewhere =
    own !== undefined && device?.netns !== undefined && !sameNetns(own, device.netns)
      ? `; the process itself is in ${netnsName(own)}`
      : '';
  return `${nameWords(holder)} ${fdClause(holder)}${origin}${elsewhere}`;
}

/** `through fd 3`, `through fds 3 and 5 (one open file)`, `through fds 3, 4 and 5 (3 queues)`. */
function fdClause({ fds }: Holder): string {
  if (fds.length === 0) return 'through a descriptor that is not told';
  const noun = fds.length === 1 ? 'fd' : 'fds';
  return `through ${noun} ${listed(fds.map(fdWord))}${shapeWords(fds)}${doubtWords(fds)}`;
}

function shapeWords(fds: readonly HolderFd[]): string {
  if (fds.length === 1) return '';
  if (fds.some(({ queue }) => queue === '')) return ' (one open file or several)';
  const queues = queuesOf(fds).size;
  return queues === 1 ? ' (one open file)' : ` (${queues} queues)`;
}

/** Those that are told: where the kernel does not tell open files apart there are none. */
function queuesOf(fds: readonly HolderFd[]): Set<string> {
  return new Set(fds.map(({ queue }) => queue).filter((queue) => queue !== ''));
}

function fdWord({ fd, tid, detached }: HolderFd): string {
  const thread = tid === undefined ? '' : ` of thread ${tid}`;
  return `${fd}${thread}${detached ? ' (detached)' : ''}`;
}

function doubtWords(fds: readonly HolderFd[]): string {
  const named = fds.filter(({ evidence }) => evidence === Evidence.EVIDENCE_NAME);
  if (named.length === 0) return '';
  const most = Math.max(...named.map(({ candidates }) => candidates));
  const which = most > 1 ? `: it may be any of ${most} devices` : '';
  return `, not proven (only the name matches${which})`;
}

/** A line a holder, then a line for each open file that several of them share. */
function severalLines(binding: TapBinding): string[] {
  const { holders } = binding;
  const lines = holders.map((holder) => {
    const parent = holders.find(({ process }) => process?.pid === holder.process?.ppid);
    const inherited =
      parent !== undefined && sharedWith(holder, [parent]).length > 0
        ? `, inherited from its parent ${parent.process?.pid ?? '?'}`
        : '';
    return `  process ${holderClause(holder, binding, inherited)}`;
  });
  const queues = queuesOf(holders.flatMap(({ fds }) => fds));
  const shared = [...queues].flatMap((queue) => {
    const sharers = holders.flatMap(({ process, fds }) =>
      fds.filter((fd) => fd.queue === queue).map(({ fd }) => ({ pid: process?.pid ?? 0, fd })),
    );
    if (new Set(sharers.map(({ pid }) => pid)).size < 2) return [];
    return [`  one open file is shared by ${listed(sharers.map((s) => `${s.pid} (fd ${s.fd})`))}`];
  });
  return [...lines, ...shared];
}

/** Those of `others` that hold an open file of this holder. */
function sharedWith(holder: Holder, others: readonly Holder[]): Holder[] {
  const own = queuesOf(holder.fds);
  return others.filter(({ fds }) => fds.some(({ queue }) => own.has(queue)));
}

function found(by: string, several: readonly string[]): string[] {
  if (by !== '') return [`  found: ${by}`];
  return several.length > 0 ? ['  found:', ...several.map((line) => `  ${line}`)] : [];
}

function lastWords({ lastHolder }: TapBinding): string {
  const { process, workload, lastSeen } = lastHolder ?? {};
  if (process === undefined) return '';
  const until = lastSeen === undefined ? '' : `, until ${lastSeen.toISOString()}`;
  return `; the last to hold it was process ${nameWords({ process, workload, fds: [] })}${until}`;
}

function queuesWords({ queues }: TapBinding): string {
  if (queues?.attached === undefined) return '';
  const kernel = plural(queues.attached + (queues.disabled ?? 0), 'queue', 'queues');
  return `: the kernel counts ${kernel}, ${queues.found} found`;
}

function hintWords({ hints }: TapBinding): string {
  const details = hints.map(({ detail, pid, fd }) => {
    const where = `process ${pid}${fd === undefined ? '' : `, fd ${fd}`}`;
    return `${sentence(detail)} (${where})`;
  });
  return details.length === 0 ? '' : `; ${details.join('; ')}`;
}

function reasonWords({ reasons, verdict }: TapBinding): string {
  if (reasons.length > 0) return `: ${reasons.map(({ detail }) => sentence(detail)).join('; ')}`;
  return verdict === Verdict.VERDICT_UNKNOWN ? '' : ` (${verdictWord(verdict)})`;
}

/** The server's sentences, to stand inside another. */
function sentence(detail: string): string {
  return printable(detail).replace(/\.$/, '');
}

function listed(words: readonly string[]): string {
  return words.length < 2
    ? words.join('')
    : `${words.slice(0, -1).join(', ')} and ${words.at(-1) ?? ''}`;
}
