/** The verdict on one device: what the kernel counts, held against what was found. Pure. */
import type { Reason, Verdict } from '../model/verdict.js';

export interface Account {
  /** Attached enabled queues as the kernel counts them; null where it does not tell. */
  readonly attached: number | null;
  /** Attached detached queues as the kernel counts them; null where it does not tell. */
  readonly disabled: number | null;
  /** Whether more than one queue may attach. */
  readonly multiQueue: boolean;
  /** Whether the device outlives its last queue; one that does not is held by something. */
  readonly persistent: boolean;
  /** Distinct open files that are proven to be attached, at the least: enabled, detached. */
  readonly enabledFound: number;
  readonly detachedFound: number;
  /** How many more there may be, as their descriptors could not be told apart. */
  readonly enabledUntold: number;
  readonly detachedUntold: number;
  /** Descriptors whose name matches, and that may belong to this device or to another. */
  readonly nameOnly: number;
  /** Processes that could not be looked at. */
  readonly processesDenied: number;
  /** Files that may be kept in places that were found, without a descriptor of their own. */
  readonly mayHide: number;
}

export interface Judgement {
  readonly verdict: Verdict;
  readonly reasons: readonly Reason[];
  /** Queues without a holder; the places where they may be tell more. */
  readonly missing: number;
  /** Count and findings agree: a second look would say the same. */
  readonly settled: boolean;
}

export function judge(account: Account): Judgement {
  const { attached, disabled, enabledFound, detachedFound } = account;
  if (attached === null || disabled === null) return judgeUncounted(account);
  if (enabledFound > attached || detachedFound > disabled) {
    return unknown(
      'CHANGING',
      `the kernel counts ${attached + disabled} queues, but ${enabledFound + detachedFound} open files were found on the device while it changed`,
      false,
    );
  }
  if (enabledFound === attached && detachedFound === disabled) {
    const verdict = attached > 0 ? 'HELD' : disabled > 0 ? 'KEPT' : 'UNHELD';
    return { verdict, reasons: [], missing: 0, settled: true };
  }
  const missing =
    Math.max(attached - enabledFound - account.enabledUntold, 0) +
    Math.max(disabled - detachedFound - account.detachedUntold, 0);
  return missing === 0 ? judgeUntold(account, attached + disabled) : judgeMissing(account, missing);
}

/** The descriptors that were found explain all queues, or some of them share one and others are missing. */
function judgeUntold(account: Account, counted: number): Judgement {
  const { enabledFound, detachedFound, enabledUntold, detachedUntold } = account;
  const found = enabledFound + detachedFound;
  return unknown(
    'OPEN_FILES_INDISTINGUISHABLE',
    `the kernel counts ${queues(counted)}, and does not tell whether the descriptors that were found are ${found} or up to ${found + enabledUntold + detachedUntold} open files`,
    true,
  );
}

/** Whether the proven findings leave no room for descriptors that only match by name. */
export function isFullyExplained(account: Account): boolean {
  // The one queue that a single-queue device can have.
  if (account.attached === null) return !account.multiQueue && account.enabledFound === 1;
  return account.attached === account.enabledFound && account.disabled === account.detachedFound;
}

/** More queues are attached than were found. */
function judgeMissing(account: Account, missing: number): Judgement {
  if (account.nameOnly > 0) return nameOnly(account);
  if (account.processesDenied > 0 && account.mayHide < missing) {
    const detail = `the holder of ${queues(missing)} was not found, and ${account.processesDenied} processes could not be looked at`;
    return { ...unknown('PROCESS_DENIED', detail, false), missing };
  }
  return { verdict: 'HIDDEN', reasons: [], missing, settled: false };
}

function judgeUncounted(account: Account): Judgement {
  const { enabledFound, detachedFound, multiQueue, persistent } = account;
  if (!multiQueue && enabledFound + detachedFound > 1) {
    return unknown(
      'CHANGING',
      `${enabledFound + detachedFound} open files were found on the device, which has one queue, while it changed`,
      false,
    );
  }
  // Of a single-queue device that is the one queue that it can have; another may have more of them.
  if (enabledFound > 0) return { verdict: 'HELD', reasons: [], missing: 0, settled: true };
  if (account.nameOnly > 0) return nameOnly(account);
  if (enabledFound + detachedFound === 0 && !persistent) return judgeMissing(account, 1);
  return unknown(
    'QUEUE_COUNT_UNAVAILABLE',
    'the kernel does not tell how many queues are attached to this device',
    true,
  );
}

function nameOnly({ nameOnly }: Account): Judgement {
  const what = nameOnly === 1 ? 'a descriptor matches' : `${nameOnly} descriptors match`;
  return unknown('NAME_ONLY', `${what} by name, but its namespace could not be learned`, true);
}

function unknown(code: Reason['code'], detail: string, settled: boolean): Judgement {
  return { verdict: 'UNKNOWN', reasons: [{ code, detail }], missing: 0, settled };
}

function queues(count: number): string {
  return count === 1 ? '1 queue' : `${count} queues`;
}
