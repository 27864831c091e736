import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isFullyExplained, judge, type Account } from '../../src/inspect/judge.js';

const NOTHING: Account = {
  attached: 0,
  disabled: 0,
  multiQueue: false,
  persistent: true,
  enabledFound: 0,
  detachedFound: 0,
  enabledUntold: 0,
  detachedUntold: 0,
  nameOnly: 0,
  processesDenied: 0,
  mayHide: 0,
};

interface Row {
  readonly says: string;
  readonly account: Partial<Account>;
  readonly verdict: string;
  readonly reason?: string;
  /** A second look would say the same. */
  readonly settled: boolean;
}

// A kernel before 6.9: a single-queue device has no count, and its queue cannot be detached.
const uncounted = { attached: null, disabled: 0 };
// A macvtap: the kernel never counts its queues.
const countless = { attached: null, disabled: null, multiQueue: true };

const rows: readonly Row[] = [
  {
    says: 'no queue attached: UNHELD',
    account: {},
    verdict: 'UNHELD',
    settled: true,
  },
  {
    says: 'no queue attached is UNHELD whatever could not be looked at, and whose name matches',
    account: { processesDenied: 5, nameOnly: 1 },
    verdict: 'UNHELD',
    settled: true,
  },
  {
    says: 'all attached queues found: HELD',
    account: { attached: 1, enabledFound: 1 },
    verdict: 'HELD',
    settled: true,
  },
  {
    says: 'all queues found, one of them detached: HELD',
    account: { multiQueue: true, attached: 3, disabled: 1, enabledFound: 3, detachedFound: 1 },
    verdict: 'HELD',
    settled: true,
  },
  {
    says: 'all queues found, all of them detached: KEPT',
    account: { multiQueue: true, disabled: 2, detachedFound: 2 },
    verdict: 'KEPT',
    settled: true,
  },
  {
    says: 'a queue attached and none found: HIDDEN, if a second look says so',
    account: { attached: 1 },
    verdict: 'HIDDEN',
    settled: false,
  },
  {
    says: 'one of two queues found: HIDDEN',
    account: { multiQueue: true, attached: 2, enabledFound: 1 },
    verdict: 'HIDDEN',
    settled: false,
  },
  {
    says: 'the attached queue found and the detached one not: HIDDEN',
    account: { multiQueue: true, attached: 1, disabled: 1, enabledFound: 1 },
    verdict: 'HIDDEN',
    settled: false,
  },
  {
    says: 'a queue not found while some process could not be looked at: UNKNOWN',
    account: { attached: 1, processesDenied: 1 },
    verdict: 'UNKNOWN',
    reason: 'PROCESS_DENIED',
    settled: false,
  },
  {
    says: 'the same, but places were found that may keep all queues that were not: HIDDEN',
    account: { multiQueue: true, attached: 2, processesDenied: 1, mayHide: 2 },
    verdict: 'HIDDEN',
    settled: false,
  },
  {
    says: 'the same, but places were found that may keep some of them: UNKNOWN',
    account: { multiQueue: true, attached: 2, processesDenied: 1, mayHide: 1 },
    verdict: 'UNKNOWN',
    reason: 'PROCESS_DENIED',
    settled: false,
  },
  {
    says: 'a queue not found while the name of a descriptor matches: UNKNOWN',
    account: { attached: 1, nameOnly: 1, processesDenied: 1 },
    verdict: 'UNKNOWN',
    reason: 'NAME_ONLY',
    settled: true,
  },
  {
    says: 'descriptors that are as many queues as are attached, or fewer: UNKNOWN',
    account: { multiQueue: true, attached: 2, enabledFound: 1, enabledUntold: 1 },
    verdict: 'UNKNOWN',
    reason: 'OPEN_FILES_INDISTINGUISHABLE',
    settled: true,
  },
  {
    says: 'the same of detached queues',
    account: {
      multiQueue: true,
      attached: 1,
      enabledFound: 1,
      disabled: 3,
      detachedFound: 1,
      detachedUntold: 3,
    },
    verdict: 'UNKNOWN',
    reason: 'OPEN_FILES_INDISTINGUISHABLE',
    settled: true,
  },
  {
    says: 'more queues than there are descriptors at all: HIDDEN',
    account: { multiQueue: true, attached: 4, enabledFound: 1, enabledUntold: 1 },
    verdict: 'HIDDEN',
    settled: false,
  },
  {
    says: 'all queues found, and descriptors that may be of any of them: HELD',
    account: { multiQueue: true, attached: 2, enabledFound: 2, enabledUntold: 3 },
    verdict: 'HELD',
    settled: true,
  },
  {
    says: 'descriptors that could be several, and no queue attached: UNKNOWN, look again',
    account: { multiQueue: true, enabledFound: 1, enabledUntold: 1 },
    verdict: 'UNKNOWN',
    reason: 'CHANGING',
    settled: false,
  },
  {
    says: 'more queues found than attached: UNKNOWN, look again',
    account: { enabledFound: 1 },
    verdict: 'UNKNOWN',
    reason: 'CHANGING',
    settled: false,
  },
  {
    says: 'as many queues as attached, but one found detached that the kernel counts as enabled',
    account: { multiQueue: true, attached: 2, enabledFound: 1, detachedFound: 1 },
    verdict: 'UNKNOWN',
    reason: 'CHANGING',
    settled: false,
  },
  {
    says: 'without a count, the one queue of a single-queue device found: HELD',
    account: { ...uncounted, enabledFound: 1 },
    verdict: 'HELD',
    settled: true,
  },
  {
    says: 'without a count, two queues found of a device that can have one: UNKNOWN, look again',
    account: { ...uncounted, enabledFound: 2 },
    verdict: 'UNKNOWN',
    reason: 'CHANGING',
    settled: false,
  },
  {
    says: 'without a count, a persistent device without a found queue: UNKNOWN',
    account: uncounted,
    verdict: 'UNKNOWN',
    reason: 'QUEUE_COUNT_UNAVAILABLE',
    settled: true,
  },
  {
    says: 'without a count, a device that goes with its last queue, and no queue found: HIDDEN',
    account: { ...uncounted, persistent: false },
    verdict: 'HIDDEN',
    settled: false,
  },
  {
    says: 'without a count, such a device while some process could not be looked at: UNKNOWN',
    account: { ...uncounted, persistent: false, processesDenied: 1 },
    verdict: 'UNKNOWN',
    reason: 'PROCESS_DENIED',
    settled: false,
  },
  {
    says: 'without a count, a descriptor whose name matches: UNKNOWN',
    account: { ...uncounted, persistent: false, nameOnly: 2 },
    verdict: 'UNKNOWN',
    reason: 'NAME_ONLY',
    settled: true,
  },
  {
    says: 'without a count, one found queue of a device that may have more: HELD',
    account: { ...countless, enabledFound: 1 },
    verdict: 'HELD',
    settled: true,
  },
  {
    says: 'without a count, a found queue and a descriptor whose name matches: HELD',
    account: { ...countless, enabledFound: 1, nameOnly: 1, processesDenied: 1 },
    verdict: 'HELD',
    settled: true,
  },
  {
    says: 'without a count, only detached queues found of a device that may have more: UNKNOWN',
    account: { ...countless, detachedFound: 1 },
    verdict: 'UNKNOWN',
    reason: 'QUEUE_COUNT_UNAVAILABLE',
    settled: true,
  },
  {
    says: 'without a count, nothing found of a device that may have any number of queues: UNKNOWN',
    account: countless,
    verdict: 'UNKNOWN',
    reason: 'QUEUE_COUNT_UNAVAILABLE',
    settled: true,
  },
];

for (const { says, account, verdict, reason, settled } of rows) {
  test(says, () => {
    const judgement = judge({ ...NOTHING, ...account });
    assert.equal(judgement.verdict, verdict);
    assert.deepEqual(
      judgement.reasons.map(({ code }) => code),
      reason === undefined ? [] : [reason],
    );
    assert.equal(judgement.settled, settled);
  });
}

test('the reasons say how many: queues not found, processes denied, descriptors that match', () => {
  const detail = (account: Partial<Account>) =>
    judge({ ...NOTHING, ...account }).reasons[0]?.detail;
  assert.match(detail({ attached: 1, processesDenied: 7 }) ?? '', /1 queue\b.*7 processes/);
  assert.match(detail({ attached: 3, enabledFound: 1, processesDenied: 7 }) ?? '', /2 queues/);
  assert.match(detail({ attached: 1, nameOnly: 1 }) ?? '', /^a descriptor matches/);
  assert.match(detail({ attached: 1, nameOnly: 3 }) ?? '', /^3 descriptors match/);
});

test('queues without a holder are missing, unless something else explains why they were not found', () => {
  const missing = (account: Partial<Account>) => judge({ ...NOTHING, ...account }).missing;
  assert.equal(missing({ attached: 3, disabled: 1, enabledFound: 1 }), 3);
  assert.equal(missing({ attached: 3, enabledFound: 1, processesDenied: 1 }), 2);
  assert.equal(missing({ ...uncounted, persistent: false }), 1);
  assert.equal(missing({}), 0);
  assert.equal(missing({ attached: 1, nameOnly: 1 }), 0);
  assert.equal(missing({ enabledFound: 1 }), 0);
  assert.equal(missing(uncounted), 0);
});

test('a device is fully explained when all that the kernel counts was found', () => {
  const explained = (account: Partial<Account>) => isFullyExplained({ ...NOTHING, ...account });
  assert.ok(explained({}));
  assert.ok(explained({ attached: 2, disabled: 1, enabledFound: 2, detachedFound: 1 }));
  assert.ok(!explained({ attached: 2, enabledFound: 1 }));
  assert.ok(!explained({ disabled: 1 }));
  // Without a count only a device that can have but one queue is.
  assert.ok(explained({ attached: null, enabledFound: 1 }));
  assert.ok(!explained({ attached: null }));
  assert.ok(!explained({ attached: null, multiQueue: true, enabledFound: 1 }));
  assert.ok(!explained({ attached: 2, enabledFound: 1, enabledUntold: 1 }));
});
