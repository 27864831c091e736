import assert from 'node:assert/strict';
import { EventEmitter, once } from 'node:events';
import { describe, test } from 'node:test';
import { Finder, TriggerKind } from '../../src/gen/tapmap/v1/coverage.js';
import type { TriggerState } from '../../src/model/coverage.js';
import { DeviceKind, Evidence, Verdict } from '../../src/gen/tapmap/v1/tap_binding.js';
import {
  ListTapBindingsRequest,
  ListTapBindingsResponse,
  View,
} from '../../src/gen/tapmap/v1/tap_binding_service.js';
import { binding, coverage, holder, netns, observed, statistics } from '../store/observations.js';
import { NODE, serve } from './server.js';

const many = (count: number, mtu = 1500) =>
  Array.from({ length: count }, (_, index) => binding(index + 1, { device: { mtu } }));

describe('ListTapBindings', () => {
  test('of a host without devices is one message with the summary', async (t) => {
    const server = await serve(t);
    server.store.apply(observed(1_000, []));
    const { messages, summary } = await server.list();
    assert.equal(messages.length, 1);
    assert.deepEqual(messages[0]?.bindings, []);
    assert.equal(summary.epoch, server.store.epoch);
    assert.equal(summary.revision, 1n);
    assert.notEqual(summary.resumeToken, '');
  });

  test('orders by name over the whole stream, in bounded messages, with the summary on the last', async (t) => {
    const server = await serve(t);
    server.store.apply(observed(1_000, many(1_201)));
    const { messages, bindings } = await server.list();
    assert.equal(bindings.length, 1_201);
    const names = bindings.map(({ name }) => name);
    assert.deepEqual(names, [...names].sort());
    assert.ok(messages.length >= 3);
    for (const message of messages) {
      assert.ok(message.bindings.length <= 500);
      assert.ok(ListTapBindingsResponse.encode(message).finish().length <= 256 * 1024 + 8192);
      assert.equal(message.summary === undefined, message !== messages.at(-1));
    }
  });

  test('bounds messages by their bytes too', async (t) => {
    const server = await serve(t);
    const alias = 'x'.repeat(15_000);
    const bindings = Array.from({ length: 10 }, (_, i) => binding(i + 1, { device: { alias } }));
    server.store.apply(observed(1_000, bindings));
    const { messages } = await server.list();
    assert.deepEqual(
      messages.map((message) => message.bindings.length),
      [4, 4, 2],
    );
  });

  test('shows one revision even while the store moves on and the client reads slowly', async (t) => {
    const server = await serve(t, { limits: { messageBindings: 10, unreadBytes: 1 } });
    server.store.apply(observed(1_000, many(200, 1500)));
    const call = server.client().listTapBindings(ListTapBindingsRequest.fromPartial({}));
    const mtus = new Set<number | undefined>();
    let count = 0;
    let revision: bigint | undefined;
    for await (const each of call) {
      const message = each as ListTapBindingsResponse;
      for (const { device } of message.bindings) mtus.add(device?.mtu);
      count += message.bindings.length;
      revision = message.summary?.revision;
      server.store.apply(observed(2_000 + count, many(5, 1501 + count)));
    }
    assert.equal(count, 200);
    assert.deepEqual([...mtus], [1500]);
    assert.equal(revision, 1n);
    assert.ok(server.store.revision > 10);
  });

  test('is written no further than the client reads', async (t) => {
    const server = await serve(t);
    const alias = 'x'.repeat(200_000);
    const bindings = Array.from({ length: 40 }, (_, i) => binding(i + 1, { device: { alias } }));
    let made = 0;
    const counted = bindings.map((each) => ({
      ...each,
      get verdict() {
        made++;
        return 'UNHELD' as const;
      },
    }));
    // The store copies what it is given, so that the getters must be put into what it keeps.
    server.store.apply(observed(1_000, bindings));
    const snapshot = server.store.snapshot();
    const records = counted.map((each, index) =>
      Object.defineProperties(
        { ...snapshot.records[index]! },
        Object.getOwnPropertyDescriptors(each),
      ),
    );
    t.mock.method(server.store, 'snapshot', () => ({ ...snapshot, records }));

    const call = server.client().listTapBindings(ListTapBindingsRequest.fromPartial({}));
    await new Promise((resolve) => call.once('readable', resolve));
    const whenBlocked = made;
    assert.ok(whenBlocked < 40, `all ${whenBlocked} were made before any was read`);
    let count = 0;
    for await (const message of call) count += (message as ListTapBindingsResponse).bindings.length;
    assert.equal(count, 40);
  });

  test('says all that is known of a binding', async (t) => {
    const server = await serve(t);
    const workload = {
      kind: 'virtualMachine',
      hypervisor: 'qemu',
      name: 'vm1',
      uuid: 'u',
      container: {
        kind: 'container',
        runtime: 'cri-o',
        id: 'c1',
        name: 'compute',
        podUid: 'p1',
        podName: 'virt-launcher-vm1',
        podNamespace: 'shop',
      },
    } as const;
    server.store.apply(
      observed(1_234, [
        binding(5, {
          in: 2,
          holders: [holder(7, { workload, fd: { tid: 9, detached: true, openedIn: netns(3) } })],
          device: { master: { name: 'br0', ifindex: 2 }, ownerUid: 0, statistics: statistics(3) },
          queues: { attached: null, disabled: 0, found: 1 },
          verdict: 'UNKNOWN',
          reasons: [{ code: 'CHANGING', detail: 'it moves' }],
        }),
      ]),
    );
    const { bindings } = await server.list({ view: View.VIEW_FULL });
    const [told] = bindings;
    assert.equal(told?.name, 'netns/2/devices/5');
    assert.equal(told.node, NODE);
    assert.equal(told.device?.name, 'tap5');
    assert.equal(told.device.kind, DeviceKind.DEVICE_KIND_TAP);
    assert.deepEqual(told.device.netns, {
      inode: 4_026_531_842n,
      cookie: 2n,
      paths: ['/run/netns/ns2'],
      initial: false,
      pid: undefined,
      comm: '',
      container: '',
    });
    assert.deepEqual(told.device.master, { name: 'br0', ifindex: 2 });
    assert.equal(told.device.ownerUid, 0);
    assert.equal(told.device.groupGid, undefined);
    assert.equal(told.device.statistics?.rxBytes, 192n);
    assert.equal(told.verdict, Verdict.VERDICT_UNKNOWN);
    assert.equal(told.reasons[0]?.detail, 'it moves');
    assert.equal(told.queues?.attached, undefined);
    assert.equal(told.queues?.disabled, 0);
    assert.equal(told.firstSeen?.getTime(), 1_234);
    const [first] = told.holders;
    assert.equal(first?.process?.startTime, 700n);
    assert.equal(first.process.userName, 'user7');
    assert.deepEqual(first.process.commandLine, ['holder', '--pid', '7']);
    assert.deepEqual(first.workload?.kind, {
      $case: 'virtualMachine',
      value: {
        hypervisor: 'qemu',
        name: 'vm1',
        uuid: 'u',
        container: {
          runtime: 'cri-o',
          id: 'c1',
          name: 'compute',
          podUid: 'p1',
          podName: 'virt-launcher-vm1',
          podNamespace: 'shop',
        },
      },
    });
    assert.equal(first.fds[0]?.tid, 9);
    assert.equal(first.fds[0].detached, true);
    assert.equal(first.fds[0].evidence, Evidence.EVIDENCE_IOCTL);
    assert.equal(first.fds[0].openedIn?.cookie, 3n);
  });

  test("leaves command lines and traffic counters out of the basic view, the last holder's too", async (t) => {
    const server = await serve(t);
    server.store.apply(
      observed(1_000, [binding(1, { holders: [holder(7)] }), binding(2, { holders: [holder(8)] })]),
    );
    server.store.apply(observed(2_000, [binding(1, { holders: [holder(7)] }), binding(2)]));
    for (const view of [View.VIEW_UNSPECIFIED, View.VIEW_BASIC]) {
      const { bindings } = await server.list({ view });
      assert.equal(bindings[0]?.device?.statistics, undefined);
      assert.deepEqual(bindings[0]?.holders[0]?.process?.commandLine, []);
      assert.equal(bindings[1]?.lastHolder?.process?.pid, 8);
      assert.deepEqual(bindings[1].lastHolder.process.commandLine, []);
    }
    const { bindings } = await server.list({ view: View.VIEW_FULL });
    assert.deepEqual(bindings[1]?.lastHolder?.process?.commandLine, ['holder', '--pid', '8']);
    assert.equal(bindings[1].lastHolder.lastSeen?.getTime(), 1_000);
  });

  test('cuts the command lines of very many holders, so that any client takes the message', async (t) => {
    const server = await serve(t);
    const commandLine = ['x', 'y'.repeat(32 * 1024)];
    const holders = Array.from({ length: 200 }, (_, index) =>
      holder(index + 1, { process: { commandLine } }),
    );
    server.store.apply(observed(1_000, [binding(1, { holders: holders.slice(0, 2) })]));
    const whole = await server.list({ view: View.VIEW_FULL });
    assert.deepEqual(whole.bindings[0]?.holders[1]?.process?.commandLine, commandLine);
    server.store.apply(observed(2_000, [binding(1, { holders })]));
    const { bindings } = await server.list({ view: View.VIEW_FULL });
    assert.equal(bindings[0]?.holders.length, 200);
    for (const { process } of bindings[0].holders) {
      assert.equal(process?.commandLine[0], 'x');
      assert.match(process.commandLine[1] ?? '', /^y{5000,6000}…$/);
    }
  });

  test('tells what could not be seen, and that the view is stale', async (t) => {
    const server = await serve(t);
    const denied = {
      processesDenied: 1,
      deniedProcesses: [{ pid: 7, errno: 'EACCES' }],
      degraded: [{ missing: 'CAP_NET_ADMIN', cost: 'much', remedy: 'grant it' }],
      scanDuration: 1_250.5,
      triggers: [
        { kind: 'PIDFD', missing: '', losses: 0, lastLoss: null },
        { kind: 'FANOTIFY', missing: 'EPERM', losses: 2, lastLoss: 5_000 },
      ] satisfies TriggerState[],
      scanInterval: 9_000,
    };
    server.store.apply(observed(1_000, [], { coverage: coverage(denied) }));
    server.store.markStale('the probe ended');
    const { summary } = await server.list();
    assert.equal(summary.coverage?.processesDenied, 1);
    assert.deepEqual(summary.coverage.deniedProcesses, [{ pid: 7, errno: 'EACCES' }]);
    assert.equal(summary.coverage.finder, Finder.FINDER_PROC);
    assert.equal(summary.coverage.degraded[0]?.remedy, 'grant it');
    assert.deepEqual(summary.coverage.scanDuration, { seconds: 1n, nanos: 250_500_000 });
    assert.deepEqual(summary.coverage.triggers, [
      { kind: TriggerKind.TRIGGER_KIND_PIDFD, missing: '', losses: 0n, lastLoss: undefined },
      {
        kind: TriggerKind.TRIGGER_KIND_FANOTIFY,
        missing: 'EPERM',
        losses: 2n,
        lastLoss: new Date(5_000),
      },
    ]);
    assert.deepEqual(summary.coverage.scanInterval, { seconds: 9n, nanos: 0 });
    assert.equal(summary.coverage.stale?.reason, 'the probe ended');
  });

  test('with a filter lists what matches any of them, each as a whole', async (t) => {
    const server = await serve(t);
    server.store.apply(observed(1_000, [binding(1), binding(2, { in: 2 }), binding(3, { in: 2 })]));
    const { bindings } = await server.list({
      filter: [{ deviceName: 'tap1' }, { deviceName: 'tap[12]', netnsPath: '/run/netns/ns2' }],
    });
    assert.deepEqual(
      bindings.map(({ name }) => name),
      ['netns/1/devices/1', 'netns/2/devices/2'],
    );
  });
});

describe('ListTapBindings with fresh', () => {
  test('answers from a scan that began after the call', async (t) => {
    const server = await serve(t, {
      scanNow: () => {
        server.store.apply(observed(2_000, [binding(1)]));
        return Promise.resolve();
      },
    });
    server.store.apply(observed(1_000, []));
    const { bindings, summary } = await server.list({ fresh: true });
    assert.equal(bindings.length, 1);
    assert.equal(summary.revision, 2n);
  });

  test('without it no scan is made', async (t) => {
    const server = await serve(t);
    server.store.apply(observed(1_000, []));
    assert.equal((await server.list()).summary.revision, 1n);
  });

  test('stops waiting for the scan when the call is cancelled', async (t) => {
    const scans = new EventEmitter();
    const server = await serve(t, {
      scanNow: (signal) => {
        scans.emit('asked', signal);
        return new Promise(() => undefined);
      },
    });
    server.store.apply(observed(1_000, []));
    const asked = once(scans, 'asked') as Promise<[AbortSignal]>;
    const call = server
      .client()
      .listTapBindings(ListTapBindingsRequest.fromPartial({ fresh: true }));
    call.on('error', () => undefined);
    const [signal] = await asked;
    const aborted = once(signal, 'abort');
    call.cancel();
    await aborted;
    assert.deepEqual(server.logged, []);
  });
});
