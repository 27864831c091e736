import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { TriggerKind } from '../../src/gen/tapmap/v1/coverage.js';
import { DeviceKind, HintKind, ReasonCode, Verdict } from '../../src/gen/tapmap/v1/tap_binding.js';
import type { ListTapBindingsRequest } from '../../src/gen/tapmap/v1/tap_binding_service.js';
import { binding, FOOZ, HELD, holder, HOST, QEMU, summary, UNHELD } from './sample.js';
import { answering, child, stage, start, tapmap } from './stage.js';

const SHARED = binding(HOST, 4, 'tun0', Verdict.VERDICT_HELD, {
  device: { kind: DeviceKind.DEVICE_KIND_TUN, up: true, persistent: true, multiQueue: true },
  holders: [
    holder(1234, 'openvpn', [{ fd: 5, queue: 'a' }], { process: { userName: 'root' } }),
    holder(1240, 'openvpn', [{ fd: 5, queue: 'a' }]),
    holder(1250, 'sh', [{ fd: 9, queue: 'b', tid: 1251, detached: true }]),
  ],
});
const HIDDEN = binding(FOOZ, 8, 'tap9', Verdict.VERDICT_HIDDEN, {
  hints: [{ kind: HintKind.HINT_KIND_IO_URING, pid: 77, fd: 4, detail: 'a ring has it.' }],
});
const UNKNOWN = binding(HOST, 5, 'tap10', Verdict.VERDICT_UNKNOWN, {
  reasons: [{ code: ReasonCode.REASON_CODE_PROCESS_DENIED, detail: '1 process was denied.' }],
});

describe('tapmap list in a pipe', () => {
  it('prints one device a line, tab-separated, the host first, without titles', async () => {
    await using server = await stage(answering([HIDDEN, HELD, SHARED, UNHELD, UNKNOWN], summary()));
    const { code, out, err } = await tapmap(['list', '--address', server.address]);
    assert.equal(
      out,
      [
        'host\ttap10\ttap\tUNKNOWN\t?\t-\t-\tprocess-denied',
        'host\ttap123\ttap\tUNHELD\t-\t-\t-\t-',
        'host\ttun0\ttun\tHELD\t1234,1240,1250\topenvpn*2,sh\t-\t-',
        'fooz\ttap9\ttap\tHIDDEN\t?\t-\t-\tio_uring:77/4',
        'fooz\ttap123\ttap\tHELD\t4242\tqemu\tvm web1\t-',
        '',
      ].join('\n'),
    );
    assert.deepEqual([code, err], [0, '']);
  });

  it('has titles on demand, and more columns with --wide after the same first ones', async () => {
    await using server = await stage(answering([SHARED], summary()));
    const { out } = await tapmap(['list', '--address', server.address, '--wide', '--header']);
    assert.equal(
      out,
      'NETNS\tNAME\tKIND\tVERDICT\tPID\tCOMMAND\tWORKLOAD\tWHY\tHOLDERS\tIFINDEX\tQUEUES\tFDS\tUID\tUSER\tINODE\tMASTER\tFLAGS\tOPENED-IN\n' +
        'host\ttun0\ttun\tHELD\t1234,1240,1250\topenvpn*2,sh\t-\t-\t3\t4\t2/2\t1234:5,1240:5,1250[1251]:9(detached)\t0\troot\t4026531840\t-\tup,persist,multi_queue\thost\n',
    );
  });

  it('shows command lines and counters with --full, which it asks the server for', async () => {
    const full = binding(FOOZ, 7, 'tap123', Verdict.VERDICT_HELD, {
      device: { statistics: { rxBytes: 12n, txBytes: 34n } },
      holders: [holder(4242, 'qemu', [], { process: { commandLine: ['qemu', '-m', '1G'] } })],
    });
    const requests: ListTapBindingsRequest[] = [];
    await using server = await stage(answering([full], summary(), requests));
    const { out } = await tapmap(['list', '--address', server.address, '--full', '--fresh']);
    assert.equal(out, 'fooz\ttap123\ttap\tHELD\t4242\tqemu -m 1G\t-\t-\t12\t34\n');
    assert.deepEqual([requests[0]?.view, requests[0]?.fresh], [2, true]);
  });

  it('tells on stderr what could not be seen', async () => {
    const blind = summary({
      processesDenied: 2,
      deniedProcesses: [
        { pid: 12, errno: 'EACCES' },
        { pid: 15, errno: 'EACCES' },
      ],
      netnsDenied: 1,
      deniedNetns: [{ inode: 4026532000n, errno: 'EPERM' }],
      degraded: [{ missing: 'CAP_BPF', cost: 'the BPF finder is off', remedy: 'grant it' }],
      triggers: [
        { kind: TriggerKind.TRIGGER_KIND_RTNETLINK, missing: '', losses: 0n, lastLoss: undefined },
        {
          kind: TriggerKind.TRIGGER_KIND_FANOTIFY,
          missing: 'EPERM',
          losses: 0n,
          lastLoss: undefined,
        },
        {
          kind: TriggerKind.TRIGGER_KIND_PIDFD,
          missing: 'ENOSYS',
          losses: 1n,
          lastLoss: undefined,
        },
      ],
      scanInterval: { seconds: 2n, nanos: 500_000_000 },
      stale: { since: new Date('2026-01-31T12:00:00.000Z'), reason: 'the probe ended' },
    });
    await using server = await stage(answering([UNHELD], blind));
    const { code, out, err } = await tapmap(['list', '--address', server.address]);
    assert.equal(
      err,
      [
        'tapmap: list: not live since 2026-01-31T12:00:00.000Z, this is what was last seen: the probe ended',
        'tapmap: list: 2 processes could not be looked at (EACCES: 12, 15): what they hold is not known',
        'tapmap: list: 1 network namespace could not be looked into (EPERM: 4026532000): its devices are not shown',
        'tapmap: list: without fanotify, pidfd changes may be seen 2.5 s late, by scans only',
        'tapmap: list: without CAP_BPF: the BPF finder is off (grant it)',
        '',
      ].join('\n'),
    );
    assert.deepEqual([code, out], [0, 'host\ttap123\ttap\tUNHELD\t-\t-\t-\t-\n']);
  });

  it('escapes what would act on a terminal, and keeps one record on one line', async () => {
    const evil = binding(
      { ...FOOZ, paths: ['/run/netns/a b'] },
      7,
      'tap\x1b[2J',
      Verdict.VERDICT_HELD,
      {
        holders: [holder(1, 'x\ny\t\u202ez\x9b', [{ fd: 3, queue: 'a' }])],
      },
    );
    await using server = await stage(answering([evil], summary()));
    const { out } = await tapmap(['list', '--address', server.address]);
    assert.equal(out, 'a\\x20b\ttap\\x1b[2J\ttap\tHELD\t1\tx\\ny\\t\\u202ez\\x9b\t-\t-\n');
    const json = await tapmap(['list', '--address', server.address, '--json']);
    assert.doesNotMatch(json.out, /[^\P{Cc}\n]|\p{Cf}/u);
    assert.match(json.out, /"comm": "x\\ny\\t\\u202ez\\u009b"/);
  });

  it('names a namespace so that --netns takes it', async () => {
    const places = [
      { ...FOOZ, cookie: 50n, paths: ['/run/netns/host'] },
      { ...FOOZ, cookie: 51n, paths: ['/run/docker/netns/1-x', '/var/run/netns/pod'] },
      { ...FOOZ, cookie: 52n, paths: ['/proc/7/ns/net'] },
      { ...FOOZ, cookie: 53n, paths: [] },
      { ...FOOZ, cookie: 54n, paths: [], pid: 42, comm: 'tmux: server' },
      { ...FOOZ, cookie: 55n, paths: [], pid: 43, comm: '/run/netns/17' },
      { ...FOOZ, cookie: 56n, paths: [], pid: 44, comm: '' },
      { ...FOOZ, cookie: 57n, pid: 45, comm: 'pause' },
      { ...FOOZ, cookie: 58n, paths: [], pid: 46, comm: 'pause', container: 'web' },
    ];
    const all = places.map((netns) => binding(netns, 2, 'tap0', Verdict.VERDICT_UNHELD));
    await using server = await stage(answering(all, summary()));
    const { out } = await tapmap(['list', '--address', server.address]);
    const names = out.split('\n').map((line) => line.split('\t')[0]);
    assert.deepEqual(names, [
      '/proc/7/ns/net',
      '/run/netns/host',
      '4026532281',
      '4026532281',
      '4026532281',
      'fooz',
      'pod',
      'tmux:\\x20server/42',
      'web/46',
      '',
    ]);
  });
});

describe('tapmap list on a terminal', () => {
  it('aligns, titles and colours', async () => {
    await using server = await stage(answering([HELD, UNHELD], summary()));
    const { out } = await tapmap(['list', '--address', server.address], {
      columns: 80,
      env: { NO_COLOR: '1' },
    });
    assert.equal(
      out,
      [
        'NETNS  NAME    KIND  VERDICT  PID   COMMAND  WORKLOAD',
        'host   tap123  tap   UNHELD   -     -        -',
        'fooz   tap123  tap   HELD     4242  qemu     vm web1',
        '',
      ].join('\n'),
    );
    const coloured = await tapmap(['list', '--address', server.address], { columns: 80 });
    assert.ok(coloured.out.includes('\x1b[32mHELD\x1b[39m     4242'));
  });

  it('fits the width, never cutting verdict or pid', async () => {
    const many = binding(
      { ...FOOZ, paths: ['/run/netns/cni-0a1b2c3d-4e5f-6071-8293-a4b5c6d7e8f9'] },
      7,
      'tap-interface-0',
      Verdict.VERDICT_UNKNOWN,
      {
        reasons: [{ code: ReasonCode.REASON_CODE_QUEUE_COUNT_UNAVAILABLE, detail: 'old kernel' }],
        holders: Array.from({ length: 9 }, (_, n) =>
          holder(1_000_000 + n, `仮想マシン-${n}`, [{ fd: 3, queue: 'a' }]),
        ),
      },
    );
    await using server = await stage(answering([many], summary()));
    const { out } = await tapmap(['list', '--address', server.address], {
      columns: 100,
      env: { NO_COLOR: '1' },
    });
    assert.equal(
      out,
      [
        'NETNS     NAME      KIND  VERDICT  PID                                 COMMAND   WORKLOAD  WHY',
        'cni-0a1…  tap-int…  tap   UNKNOWN  1000000,1000001,1000002,1000003,+5  仮想マ…   -         no-queue…',
        '',
      ].join('\n'),
    );
  });
});

describe('tapmap list while it waits', () => {
  it('shows on a terminal that it goes on, and takes that away again', async () => {
    const answer = answering([HELD], summary()).list!;
    let answered: () => void = () => undefined;
    await using server = await stage({
      list: (call) => {
        answered = () => {
          answer(call);
        };
      },
    });
    const list = start(['list', '--address', server.address], { columns: 80 });
    await list.stderr.matching(/… 1 s$/);
    answered();
    const { code, err } = await list.outcome;
    assert.equal(code, 0);
    assert.ok(err.startsWith(`\r\x1b[Kasking ${server.address} … 1 s`));
    assert.ok(err.endsWith('\r\x1b[K'));
  });
});

describe('tapmap list --json', () => {
  const GRPCURL = ['/usr/local/bin/grpcurl', '/usr/bin/grpcurl'].find((path) => existsSync(path));
  const PROTO = fileURLToPath(new URL('../../proto', import.meta.url));

  it(
    'is what grpcurl prints, in one document',
    { skip: GRPCURL === undefined ? 'grpcurl is not installed' : false },
    async () => {
      const rich = binding(FOOZ, 8, 'tap9', Verdict.VERDICT_HIDDEN, {
        hints: HIDDEN.hints,
        device: { statistics: { rxBytes: 2n ** 63n }, ownerUid: 0 },
        holders: [QEMU],
      });
      await using server = await stage(answering([HELD, UNHELD, rich, SHARED], summary()));
      const { code, out, err } = await tapmap(['list', '--address', server.address, '--json']);
      const theirs = (await grpcurl(GRPCURL!, PROTO, server.path)) as { bindings?: unknown[] }[];
      const merged = {
        bindings: theirs.flatMap(({ bindings }) => bindings ?? []),
        summary: (theirs.at(-1) as unknown as { summary: unknown }).summary,
      };
      assert.deepEqual(JSON.parse(out), merged);
      assert.deepEqual([code, err], [0, '']);
    },
  );

  it('has an empty list when there is nothing', async () => {
    await using server = await stage(answering([], summary()));
    const { code, out } = await tapmap(['list', '--address', server.address, '--json']);
    assert.equal(out.slice(0, 35), '{\n  "bindings": [],\n  "summary": {\n');
    assert.deepEqual((JSON.parse(out) as { bindings: unknown }).bindings, []);
    assert.equal(code, 0);
  });
});

/** Not execFileSync: the server answers from this process. */
async function grpcurl(command: string, protoPath: string, socket: string): Promise<unknown[]> {
  const text = await new Promise<string>((resolve, reject) => {
    const argv = ['-plaintext', '-unix', '-import-path', protoPath];
    argv.push('-proto', 'tapmap/v1/tap_binding_service.proto', socket);
    argv.push('tapmap.v1.TapBindingService/ListTapBindings');
    execFile(command, argv, (error, stdout, stderr) => {
      if (error === null) resolve(stdout);
      else reject(new Error(stderr));
    });
  });
  return JSON.parse(`[${text.replaceAll('\n}\n{', '\n},\n{')}]`) as unknown[];
}

describe('the filters of tapmap list', () => {
  it('are one filter, in which all must match', async () => {
    const requests: ListTapBindingsRequest[] = [];
    await using server = await stage(answering([HELD], summary(), requests));
    const flags =
      '--name tap* --netns fooz --cookie 42 --pid 4242 --uid 0 --comm q* --container 0123456789ab ' +
      '--container-name c? --pod 11-22 --pod-name p* --pod-namespace kube-* --vm web1 --unit a.service ' +
      '--verdict held,UnHeld --verdict kept --kind tap,tun --master br0 --resource netns/42/devices/7';
    const { code } = await tapmap(['list', '--address', server.address, ...flags.split(' ')]);
    assert.equal(code, 0);
    assert.deepEqual(requests[0]?.filter, [
      {
        deviceName: 'tap*',
        kind: [DeviceKind.DEVICE_KIND_TAP, DeviceKind.DEVICE_KIND_TUN],
        netnsInode: 0n,
        netnsCookie: 42n,
        netnsPath: '/run/netns/fooz',
        netnsPid: 0,
        netnsInitial: false,
        pid: 4242,
        uid: 0,
        comm: 'q*',
        containerId: '0123456789ab',
        containerName: 'c?',
        podUid: '11-22',
        podName: 'p*',
        podNamespace: 'kube-*',
        vmName: 'web1',
        systemdUnit: 'a.service',
        verdict: [Verdict.VERDICT_HELD, Verdict.VERDICT_UNHELD, Verdict.VERDICT_KEPT],
        master: 'br0',
        name: 'netns/42/devices/7',
      },
    ]);
  });

  it("take a namespace as path, process, inode, or `host` for the server's own", async () => {
    const requests: ListTapBindingsRequest[] = [];
    await using server = await stage(answering([HELD, UNHELD], summary(), requests));
    const list = async (netns: string) =>
      tapmap(['list', '--address', server.address, '--netns', netns]);
    await list('/proc/7/ns/net');
    await list('4026532281');
    await list('tmux:\\x20server/42');
    await list('net:[4026532281]');
    await list('host');
    const sent = requests.map(({ filter }) =>
      filter.map((fields) => [
        fields.netnsPath,
        fields.netnsInode,
        fields.netnsPid,
        fields.netnsInitial,
      ]),
    );
    assert.deepEqual(sent, [
      [['/proc/7/ns/net', 0n, 0, false]],
      [['', 4026532281n, 0, false]],
      [['', 0n, 42, false]],
      [['', 4026532281n, 0, false]],
      [['', 0n, 0, true]],
    ]);
  });

  it('that match nothing end with 1, and no filter at all with 0', async () => {
    await using server = await stage(answering([], summary()));
    const none = await tapmap(['list', '--address', server.address, '--name', 'x']);
    assert.deepEqual(none, { code: 1, out: '', err: 'tapmap: list: no device matches\n' });
    const all = await tapmap(['list', '--address', server.address]);
    assert.deepEqual(all, {
      code: 0,
      out: '',
      err: 'tapmap: list: there is no TAP or TUN device\n',
    });
  });
});

describe('tapmap list as a process', () => {
  it('prints the same and ends with its exit code', async () => {
    await using server = await stage(answering([HELD], summary()));
    const done = await child(['list', '--address', server.address]);
    assert.deepEqual(done, {
      code: 0,
      signal: null,
      out: 'fooz\ttap123\ttap\tHELD\t4242\tqemu\tvm web1\t-\n',
      err: '',
    });
    assert.equal((await child(['list', '--pid', 'x'])).code, 2);
  });

  it('ends quietly when its reader goes away', async () => {
    const many = Array.from({ length: 20_000 }, (_, n) =>
      binding(FOOZ, n + 1, `tap${n}`, Verdict.VERDICT_UNHELD),
    );
    const script = {
      list: answering([], summary()).list!,
    };
    script.list = (call) => {
      for (let at = 0; at < many.length; at += 1000) {
        call.write({ bindings: many.slice(at, at + 1000), summary: undefined });
      }
      call.write({ bindings: [], summary: summary() });
      call.end();
    };
    await using server = await stage(script);
    for (const flags of [[], ['--json']]) {
      const done = await child(['list', '--address', server.address, ...flags], {
        shell: '"$@" | head -n 1 >/dev/null; echo "${PIPESTATUS[0]}"',
      });
      assert.deepEqual([done.out, done.err], ['0\n', '']);
    }
  });
});
