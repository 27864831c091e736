// What the clients of clients/ make of batches and snapshots that come in parts, or not to their end.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { TapBinding, Verdict } from '../../src/gen/tapmap/v1/tap_binding.js';
import {
  ChangeType,
  SnapshotReason,
  WatchTapBindingsResponse,
} from '../../src/gen/tapmap/v1/tap_binding_service.js';
import { setStage } from '../stage/stage.js';
import { ended } from './client-run.js';
import { assertRuns, LANGUAGES, skipped, skippedAll } from './languages.js';
import { scriptedServer, type Answer, type End } from './scripted-server.js';

type Event = NonNullable<WatchTapBindingsResponse['event']>;

function message(event: Event, resumeToken = ''): WatchTapBindingsResponse {
  return WatchTapBindingsResponse.create({ epoch: 'e', resumeToken, event });
}

const begin = (reason: SnapshotReason) => message({ $case: 'snapshotBegin', value: { reason } });
const endAt = (token: string) => message({ $case: 'snapshotEnd', value: {} }, token);
const progressAt = (token: string) => message({ $case: 'progress', value: {} }, token);

function changes(type: ChangeType, names: readonly string[], token: string) {
  const bindings = names.map((name) =>
    TapBinding.create({
      name,
      device: { name: `tap-${name}`, netns: { inode: 7n, paths: [] } },
      verdict: Verdict.VERDICT_UNHELD,
    }),
  );
  const all = bindings.map((binding) => ({
    type,
    binding,
    changedFields: undefined,
    coalesced: 1,
    movedFrom: '',
  }));
  // A message that is not the last of its batch has no token.
  return message({ $case: 'changes', value: { changes: all, more: token === '' } }, token);
}

const skip = skippedAll();

const { CHANGE_TYPE_ADDED: ADDED, CHANGE_TYPE_REMOVED: REMOVED } = ChangeType;
const { SNAPSHOT_REASON_INITIAL: INITIAL, SNAPSHOT_REASON_JOURNAL_EXCEEDED: EXCEEDED } =
  SnapshotReason;

/** What the server says in each stream, one after another, and how that ends. */
const STREAMS: readonly (readonly [readonly WatchTapBindingsResponse[], End])[] = [
  // Broken off in the middle of a batch: what came of it does not count.
  [
    [begin(INITIAL), changes(ADDED, ['a'], ''), endAt('t1'), changes(ADDED, ['b'], '')],
    'NOT_READING',
  ],
  [[progressAt('t1'), changes(ADDED, ['b'], ''), changes(REMOVED, ['a'], 't2')], 'DRAINING'],
  // Broken off in the middle of a snapshot, likewise.
  [[begin(EXCEEDED), changes(ADDED, ['b'], '')], 'DRAINING'],
  [[begin(EXCEEDED), changes(ADDED, ['d'], ''), changes(ADDED, ['c'], ''), endAt('t3')], null],
  [[progressAt('t3')], 'PERMISSION_DENIED'],
];

function record(name: string): object {
  return {
    name,
    device: `tap-${name}`,
    netns: 'net:[7]',
    verdict: 'UNHELD',
    holders: [],
  };
}

const EXPECTED = [
  { event: 'snapshot', reason: 'INITIAL', dropped: [], bindings: [record('a')] },
  { event: 'resumed' },
  { event: 'added', moved_from: '', binding: record('b') },
  { event: 'removed', binding: record('a') },
  {
    event: 'snapshot',
    reason: 'JOURNAL_EXCEEDED',
    dropped: ['b'],
    bindings: [record('c'), record('d')],
  },
  { event: 'resumed' },
].map((event) => JSON.stringify(event));

test(
  'batches and snapshots count when they are whole, and so do their tokens',
  { skip },
  async (t) => {
    for (const language of LANGUAGES) {
      await t.test(`in ${language.language}`, { skip: skipped(language) }, async (t) => {
        assertRuns(language);
        const stage = setStage(t);
        const tokens: string[] = [];
        const answer: Answer = ({ resumeToken }) => {
          const [messages, end] = STREAMS[tokens.length]!;
          tokens.push(resumeToken);
          return { messages, end };
        };
        const address = await scriptedServer(stage, answer);
        const { exitCode, run } = await ended(language, 'watch', '--address', address);
        assert.deepEqual(run.lines, EXPECTED, run.complaint);
        assert.deepEqual(tokens, ['', 't1', 't2', 't2', 't3']);
        assert.equal(exitCode, 3);
      });
    }
  },
);

for (const code of ['PERMISSION_DENIED', 'UNAUTHENTICATED'] as const) {
  test(`a server that answers ${code} ends list and watch with 3`, { skip }, async (t) => {
    const stage = setStage(t);
    const address = await scriptedServer(stage, () => ({ messages: [], end: code }));
    for (const language of LANGUAGES) {
      await t.test(`in ${language.language}`, { skip: skipped(language) }, async () => {
        assertRuns(language);
        for (const command of ['list', 'watch']) {
          const { exitCode, run } = await ended(language, command, '--address', address);
          assert.equal(run.complaint, `error: ${code}: not for you\n`);
          assert.deepEqual([exitCode, run.lines], [3, []]);
        }
      });
    }
  });
}
