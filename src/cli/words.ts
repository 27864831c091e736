/** The words that tables and sentences use for the values of the API. */
import { TriggerKind } from '../gen/tapmap/v1/coverage.js';
import {
  DeviceKind,
  HintKind,
  ReasonCode,
  Verdict,
  type Container,
  type Hint,
  type Holder,
  type Process,
  type Reason,
  type TapBinding,
  type Workload,
} from '../gen/tapmap/v1/tap_binding.js';
import { printable } from './escape.js';
import type { Style } from './io.js';

const VERDICTS: ReadonlyMap<Verdict, readonly [string, Style]> = new Map([
  [Verdict.VERDICT_HELD, ['HELD', 'green']],
  [Verdict.VERDICT_KEPT, ['KEPT', 'yellow']],
  [Verdict.VERDICT_UNHELD, ['UNHELD', 'cyan']],
  [Verdict.VERDICT_HIDDEN, ['HIDDEN', 'magenta']],
  [Verdict.VERDICT_UNKNOWN, ['UNKNOWN', 'red']],
]);

/** A value of a newer server shows as its number: never as one that it is not. */
export function verdictWord(verdict: Verdict): string {
  return VERDICTS.get(verdict)?.[0] ?? `VERDICT-${verdict}`;
}

export function verdictStyle(verdict: Verdict): Style {
  return VERDICTS.get(verdict)?.[1] ?? 'red';
}

const KINDS: ReadonlyMap<DeviceKind, string> = new Map([
  [DeviceKind.DEVICE_KIND_TUN, 'tun'],
  [DeviceKind.DEVICE_KIND_TAP, 'tap'],
  [DeviceKind.DEVICE_KIND_MACVTAP, 'macvtap'],
  [DeviceKind.DEVICE_KIND_IPVTAP, 'ipvtap'],
]);

export function kindWord(kind: DeviceKind | undefined): string {
  return KINDS.get(kind ?? DeviceKind.DEVICE_KIND_UNSPECIFIED) ?? `kind-${kind ?? 0}`;
}

const TRIGGERS: ReadonlyMap<TriggerKind, string> = new Map([
  [TriggerKind.TRIGGER_KIND_RTNETLINK, 'rtnetlink'],
  [TriggerKind.TRIGGER_KIND_FANOTIFY, 'fanotify'],
  [TriggerKind.TRIGGER_KIND_PROCESS_CONNECTOR, 'process-connector'],
  [TriggerKind.TRIGGER_KIND_PIDFD, 'pidfd'],
]);

export function triggerWord(kind: TriggerKind): string {
  return TRIGGERS.get(kind) ?? `trigger-${kind}`;
}

const REASONS: ReadonlyMap<ReasonCode, string> = new Map([
  [ReasonCode.REASON_CODE_PROCESS_DENIED, 'process-denied'],
  [ReasonCode.REASON_CODE_QUEUE_COUNT_UNAVAILABLE, 'no-queue-count'],
  [ReasonCode.REASON_CODE_OPEN_FILES_INDISTINGUISHABLE, 'open-files-indistinguishable'],
  [ReasonCode.REASON_CODE_NAME_ONLY, 'name-only'],
  [ReasonCode.REASON_CODE_CHANGING, 'changing'],
]);

function reasonWord({ code }: Reason): string {
  return REASONS.get(code) ?? `reason-${code}`;
}

const HINTS: ReadonlyMap<HintKind, string> = new Map([
  [HintKind.HINT_KIND_DESCRIPTOR_IN_FLIGHT, 'in-flight'],
  [HintKind.HINT_KIND_IO_URING, 'io_uring'],
  [HintKind.HINT_KIND_VHOST_NET, 'vhost-net'],
]);

/** `in-flight:1234/5`: what, pid and descriptor. */
function hintWord({ kind, pid, fd }: Hint): string {
  return `${HINTS.get(kind) ?? `hint-${kind}`}:${pid}${fd === undefined ? '' : `/${fd}`}`;
}

/** Why a HIDDEN or UNKNOWN verdict is no better, in words without spaces; empty for the others. */
export function whyWords(binding: TapBinding): string {
  const why = [...binding.reasons.map(reasonWord), ...binding.hints.map(hintWord)].join(',');
  const vague =
    binding.verdict === Verdict.VERDICT_HIDDEN || binding.verdict === Verdict.VERDICT_UNKNOWN;
  return why === '' && vague ? 'not-told' : why;
}

/**
 * `vm web1`, `vm web1 in pod shop/virt-launcher-web1`, `pod shop/cart`, `docker 0123456789ab`,
 * `openvpn@office.service`; empty: not known.
 */
export function workloadWords(workload: Workload | undefined): string {
  const kind = workload?.kind;
  if (kind === undefined) return '';
  switch (kind.$case) {
    case 'container':
      return containerWords(kind.value);
    case 'virtualMachine': {
      const { name, uuid, hypervisor, container } = kind.value;
      const machine = printable(`vm ${name || uuid || hypervisor}`);
      return container === undefined ? machine : `${machine} in ${containerWords(container)}`;
    }
    case 'systemdUnit':
      return printable(kind.value.unit);
  }
}

function containerWords(container: Container): string {
  const { podUid, podName, podNamespace, runtime, name, id } = container;
  if (podName !== '') return printable(`pod ${podNamespace}/${podName}`);
  if (podUid !== '') return printable(`pod ${podUid}`);
  return printable(`${runtime === '' ? 'container' : runtime} ${name || id.slice(0, 12)}`);
}

/** Command name; `?` where the process was gone before it could be read. */
export function commWord(process: Process | undefined): string {
  return printable(process?.comm ?? '') || '?';
}

/** `123 qemu, 140 sh`; `none`. */
export function holderWords(holders: readonly Holder[]): string {
  return holders.length === 0
    ? 'none'
    : holders.map(({ process }) => `${process?.pid ?? '?'} ${commWord(process)}`).join(', ');
}

/** The text of distinct values, in the order in which they came. */
export function distinct(values: readonly string[]): string[] {
  return [...new Set(values)];
}
