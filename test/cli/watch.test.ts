import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { status } from '@grpc/grpc-js';
import { TapBinding, Verdict } from '../../src/gen/tapmap/v1/tap_binding.js';
import {
  ChangeType,
  SnapshotReason,
  WatchTapBindingsResponse,
  type Change,
  type WatchTapBindingsRequest,
} from '../../src/gen/tapmap/v1/tap_binding_service.js';
import { binding, coverage, FOOZ, HELD, holder, HOST, QEMU, UNHELD } from './sample.js';
import { child, failure, stage, start, tapmap, type WatchCall } from './stage.js';

const TIME = new Date('2026-01-31T12:30:45.123Z');
type Event = WatchTapBindingsResponse['event'];

function message(event: Event, resumeToken = 't1'): WatchTapBindingsResponse {
  return { epoch: 'e1', revision: 5n, resumeToken, observeTime: TIME, event };
}

function changes(list: Change[], { more = false, token = 't1' } = {}): WatchTapBindingsResponse {
  return message({ $case: 'changes', value: { changes: list, more } }, token);
}

function snapshot(
  bindings: TapBinding[],
  reason = SnapshotReason.SNAPSHOT_REASON_INITIAL,
): WatchTapBindingsResponse[] {
  return [
    message({ $case: 'snapshotBegin', value: { reason } }, ''),
    message({ $case: 'coverage', value: coverage() }, ''),
    ...bindings.map((one) => changes([added(one)], { token: '' })),
    message({ $case: 'snapshotEnd', value: {} }),
  ];
}

function change(type: ChangeType, of: TapBinding, more: Partial<Change> = {}): Change {
  return { type, binding: of, changedFields: undefined, coalesced: 1, movedFrom: '', ...more };
}
const added = (of: TapBinding, movedFrom = ''): Change =>
  change(ChangeType.CHANGE_TYPE_ADDED, of, { movedFrom });
const removed = (of: TapBinding): Change => change(ChangeType.CHANGE_TYPE_REMOVED, of);
const modified = (of: TapBinding, changedFields: string[] = []): Change =>
  change(ChangeType.CHANGE_TYPE_MODIFIED, of, { changedFields });

const say = (messages: WatchTapBindingsResponse[]) => (call: WatchCall) => {
  for (const one of messages) call.write(one);
};

/** What watch prints after the table of `before`, for these messages, without the time. */
async function told(
  before: TapBinding[],
  messages: WatchTapBindingsResponse[],
  flags: string[] = [],
): Promise<string[]> {
  const end = binding(FOOZ, 999, 'end', Verdict.VERDICT_UNHELD);
  const script = [...snapshot(before), ...messages, changes([added(end)])];
  await using server = await stage({ watch: say(script) });
  const watch = start(['watch', '--updates-only', '--address', server.address, ...flags]);
  await watch.stdout.matching(/fooz\/end/);
  watch.interrupt();
  const { code, out } = await watch.outcome;
  assert.equal(code, 0);
  const lines = out.split('\n').slice(0, -2);
  for (const line of lines) assert.equal(line.slice(0, 26), '2026-01-31T12:30:45.123Z  ');
  return lines.map((line) => line.slice(26));
}

const EMPTIED = TapBinding.fromPartial({ ...HELD, holders: [], verdict: Verdict.VERDICT_UNHELD });

describe('tapmap watch', () => {
  it('prints the snapshot as list does, then a line a change', async () => {
    const script = [...snapshot([HELD, UNHELD]), changes([modified(EMPTIED, ['holders'])])];
    await using server = await stage({ watch: say(script) });
    const watch = start(['watch', '--address', server.address]);
    await watch.stdout.matching(/UNHELD\n$/);
    watch.interrupt();
    assert.deepEqual(await watch.outcome, {
      code: 0,
      out:
        'host\ttap123\ttap\tUNHELD\t-\t-\t-\t-\n' +
        'fooz\ttap123\ttap\tHELD\t4242\tqemu\tvm web1\t-\n' +
        '2026-01-31T12:30:45.123Z  ~ fooz/tap123  holder 4242 qemu -> none  HELD -> UNHELD\n',
      err: '',
    });
  });

  it('tells what came and what went', async () => {
    const lines = await told([UNHELD], [changes([removed(UNHELD)]), changes([added(HELD)])]);
    assert.deepEqual(lines, ['- host/tap123  was UNHELD', '+ fooz/tap123  tap  HELD  4242 qemu']);
  });

  it('tells a move as one line', async () => {
    const there = binding(HOST, 3, 'tap123', Verdict.VERDICT_HELD, { holders: [QEMU] });
    const lines = await told([there], [changes([removed(there), added(HELD, there.name)])]);
    assert.deepEqual(lines, ['~ tap123 moved host -> fooz  ifindex 3 -> 7']);
  });

  it('takes a batch in several messages as one', async () => {
    const there = binding(HOST, 3, 'tap123', Verdict.VERDICT_HELD, { holders: [QEMU] });
    const batch = [
      changes([added(HELD, there.name)], { more: true, token: '' }),
      changes([removed(there)]),
    ];
    assert.deepEqual(await told([there], batch), ['~ tap123 moved host -> fooz  ifindex 3 -> 7']);
  });

  it('says in plain words what differs', async () => {
    const of = (more: Parameters<typeof binding>[4], name = 'tap0'): TapBinding =>
      binding(FOOZ, 7, name, Verdict.VERDICT_HELD, more);
    const one = [holder(1, 'a', [{ fd: 3, queue: 'q' }])];
    const two = [...one, holder(2, 'b', [{ fd: 3, queue: 'q' }])];
    const steps: [TapBinding, string[]][] = [
      [of({ holders: one }), []],
      [of({ holders: one }, 'tap1'), ['device.name']],
      [of({ holders: two }, 'tap1'), ['holders']],
      [of({ holders: one, device: { up: true, mtu: 9000 } }), ['device', 'holders']],
      [
        of({
          holders: [
            holder(1, 'a', [
              { fd: 3, queue: 'q' },
              { fd: 4, queue: 'q' },
            ]),
          ],
        }),
        ['holders'],
      ],
      [of({ holders: one, device: { master: { name: 'br0', ifindex: 2 } } }), ['device.master']],
    ];
    const messages = steps.slice(1).map(([now, fields]) => changes([modified(now, fields)]));
    const other = steps.at(-1)![0];
    const lines = await told(
      [steps[0]![0]],
      [
        ...messages,
        changes([modified(other, ['device.statistics'])]),
        changes([modified(other, ['last_changed'])]),
      ],
    );
    assert.deepEqual(lines, [
      '~ fooz/tap1  renamed tap0 -> tap1',
      '~ fooz/tap1  holders 1 a -> 1 a, 2 b',
      '~ fooz/tap0  renamed tap1 -> tap0  holders 1 a, 2 b -> 1 a  down -> up  mtu 1500 -> 9000',
      '~ fooz/tap0  fds 1:3 -> 1:3,1:4  up -> down  mtu 9000 -> 1500',
      '~ fooz/tap0  fds 1:3,1:4 -> 1:3  master none -> br0',
      '~ fooz/tap0  changed: device.statistics',
    ]);
  });

  it('tells on stderr when what can be seen changes', async () => {
    const blind = coverage({ netnsDenied: 1 });
    await using server = await stage({
      watch: say([
        ...snapshot([UNHELD]),
        message({ $case: 'coverage', value: blind }),
        message({ $case: 'coverage', value: blind }),
        message({ $case: 'coverage', value: coverage() }),
      ]),
    });
    const watch = start(['watch', '--address', server.address]);
    await watch.stderr.matching(/again\n/);
    watch.interrupt();
    assert.equal(
      (await watch.outcome).err,
      'tapmap: watch: 1 network namespace could not be looked into: its devices are not shown\n' +
        'tapmap: watch: everything can be seen again\n',
    );
  });
});

describe('tapmap watch when the server goes away', () => {
  it('reconnects, resumes with the token, and goes on', async () => {
    const requests: WatchTapBindingsRequest[] = [];
    await using server = await stage({
      watch: (call) => {
        requests.push(call.request);
        say([...snapshot([HELD]), changes([added(UNHELD)], { more: true, token: '' })])(call);
      },
    });
    const watch = start(['watch', '--address', server.address]);
    await watch.stdout.matching(/\n/);
    server.kill();
    await watch.stderr.matching(/reconnecting/);
    await server.serve({
      watch: (call) => {
        requests.push(call.request);
        // The batch that broke comes again, whole.
        say([changes([added(UNHELD)], { token: 't2' })])(call);
      },
    });
    await watch.stdout.matching(/\+ host\/tap123/);
    watch.interrupt();
    const { code, out, err } = await watch.outcome;
    assert.deepEqual(
      requests.map(({ resumeToken }) => resumeToken),
      ['', 't1'],
    );
    assert.equal(out.match(/\+ host\/tap123/g)?.length, 1);
    assert.match(err, /^tapmap: watch: [^\n]*\(reconnecting\)\ntapmap: watch: connected again\n$/);
    assert.equal(code, 0);
  });

  it('prints only what differs when a new snapshot comes', async () => {
    await using server = await stage({ watch: say(snapshot([HELD, UNHELD])) });
    const watch = start(['watch', '--address', server.address]);
    await watch.stdout.matching(/\n.*\n/);
    server.kill();
    const later = { ...EMPTIED, firstSeen: new Date(0), lastChanged: new Date(1) };
    const fresh = binding(FOOZ, 8, 'tap8', Verdict.VERDICT_UNHELD);
    await server.serve({
      watch: say(snapshot([later, fresh], SnapshotReason.SNAPSHOT_REASON_EPOCH_CHANGED)),
    });
    await watch.stdout.matching(/tap8/);
    watch.interrupt();
    assert.deepEqual(
      (await watch.outcome).out
        .split('\n')
        .slice(2, -1)
        .map((line) => line.slice(26)),
      [
        '- host/tap123  was UNHELD',
        '~ fooz/tap123  holder 4242 qemu -> none  HELD -> UNHELD',
        '+ fooz/tap8  tap  UNHELD',
      ],
    );
  });

  it('ends with 3 under --no-reconnect, also when the server ends in peace', async () => {
    await using server = await stage({
      watch: (call) => {
        say(snapshot([HELD]))(call);
        call.end();
      },
    });
    const argv = ['watch', '--no-reconnect', '--address', server.address];
    const { code, err } = await tapmap(argv);
    assert.deepEqual(
      [code, err],
      [3, `tapmap: watch: the server at ${server.address} ended the stream\n`],
    );
  });

  it('ends at once when there is no server at first, or trying again is of no use', async () => {
    await using server = await stage();
    assert.equal((await tapmap(['watch', '--address', server.address])).code, 3);
    await server.serve({
      watch: (call) => call.emit('error', failure(status.PERMISSION_DENIED, 'not you')),
    });
    assert.deepEqual(await tapmap(['watch', '--address', server.address]), {
      code: 3,
      out: '',
      err: `tapmap: watch: the server at ${server.address} refuses: not you\n`,
    });
  });
});

describe('tapmap watch --json', () => {
  it('prints each message as one line of the proto3 JSON mapping', async () => {
    const script = [...snapshot([UNHELD]), changes([modified(HELD, ['holders', 'device.mtu'])])];
    await using server = await stage({ watch: say(script) });
    const watch = start(['watch', '--json', '--address', server.address]);
    await watch.stdout.matching(/MODIFIED.*\n/);
    watch.interrupt();
    const lines = (await watch.outcome).out.split('\n').slice(0, -1);
    const objects = lines.map((line) => JSON.parse(line) as Record<string, never>);
    assert.deepEqual(objects[0], {
      epoch: 'e1',
      revision: '5',
      observeTime: '2026-01-31T12:30:45.123Z',
      snapshotBegin: { reason: 'SNAPSHOT_REASON_INITIAL' },
    });
    assert.equal(objects.length, script.length);
    assert.match(lines[1]!, /"scanDuration":"1\.500s"/);
    assert.match(lines.at(-1)!, /"changedFields":"holders,device\.mtu"/);
  });

  it('asks for updates only when told to', async () => {
    const requests: WatchTapBindingsRequest[] = [];
    await using server = await stage({
      watch: (call) => {
        requests.push(call.request);
        call.write(message({ $case: 'progress', value: {} }));
      },
    });
    const flags = ['--json', '--updates-only', '--address', server.address];
    const watch = start(['watch', ...flags]);
    await watch.stdout.matching(/progress/);
    watch.interrupt();
    await watch.outcome;
    assert.equal(requests[0]?.updatesOnly, true);
  });
});

describe('tapmap watch as a process', () => {
  it('ends with 0 and in silence on SIGINT', async () => {
    await using server = await stage({ watch: say(snapshot([HELD])) });
    const done = await child(['watch', '--address', server.address], { until: /tap123/ });
    assert.deepEqual([done.code, done.signal, done.err], [0, null, '']);
  });
});
