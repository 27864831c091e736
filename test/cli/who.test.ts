import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import {
  Container,
  Evidence,
  HintKind,
  ReasonCode,
  Verdict,
  type Workload,
} from '../../src/gen/tapmap/v1/tap_binding.js';
import type { ListTapBindingsRequest } from '../../src/gen/tapmap/v1/tap_binding_service.js';
import { binding, FOOZ, HELD, holder, HOST, summary, UNHELD } from './sample.js';
import { answering, stage, tapmap } from './stage.js';

const IN_FOOZ = 'in fooz (tap; netns 4026532281, /run/netns/fooz; ifindex 7)';

async function who(
  what: string,
  bindings: Parameters<typeof answering>[0],
  seen = summary(),
): Promise<{ code: number; out: string[]; err: string }> {
  await using server = await stage(answering(bindings, seen));
  const { code, out, err } = await tapmap(['who', '--address', server.address, what]);
  return { code, out: out.split('\n').slice(0, -1), err };
}

describe('tapmap who NAME', () => {
  it('tells all devices of the name apart, and who holds each', async () => {
    const { code, out, err } = await who('tap123', [HELD, UNHELD]);
    assert.deepEqual(out, [
      '2 devices are named tap123:',
      'tap123 in host (tap; netns 4026531840; ifindex 9) is held by nobody.',
      `tap123 ${IN_FOOZ} is held by process 4242 (qemu, uid 107 libvirt-qemu, vm web1) through fd 3; the process itself is in host.`,
    ]);
    assert.deepEqual([code, err], [0, '']);
  });

  it('makes an inherited leak visible', async () => {
    const leak = binding(FOOZ, 7, 'tap0', Verdict.VERDICT_HELD, {
      holders: [
        holder(50, 'qemu', [{ fd: 3, queue: 'a' }], { process: { netns: FOOZ } }),
        holder(60, 'sleep', [{ fd: 3, queue: 'a' }], { process: { ppid: 50 } }),
      ],
    });
    const { out } = await who('tap0', [leak]);
    assert.deepEqual(out, [
      `tap0 ${IN_FOOZ} is held by 2 processes:`,
      '  process 50 (qemu, uid 0) through fd 3',
      '  process 60 (sleep, uid 0) through fd 3, inherited from its parent 50; the process itself is in host',
      '  one open file is shared by 50 (fd 3) and 60 (fd 3)',
    ]);
  });

  it('tells no copies and no heirs where the kernel does not tell open files apart', async () => {
    const own = [
      { fd: 3, queue: '' },
      { fd: 4, queue: '' },
    ];
    const netns = { netns: FOOZ };
    const untold = binding(FOOZ, 7, 'tap0', Verdict.VERDICT_HELD, {
      holders: [
        holder(50, 'qemu', own, { process: netns }),
        holder(60, 'sleep', [{ fd: 3, queue: '' }], { process: { ...netns, ppid: 50 } }),
      ],
    });
    const { out } = await who('tap0', [untold]);
    assert.deepEqual(out.slice(1), [
      '  process 50 (qemu, uid 0) through fds 3 and 4 (one open file or several)',
      '  process 60 (sleep, uid 0) through fd 3',
    ]);
  });

  it('tells queues from copies of one open file', async () => {
    const netns = { process: { netns: HOST } };
    const fds = [
      { fd: 3, queue: 'a' },
      { fd: 5, queue: 'a', tid: 71 },
    ];
    const copies = binding(HOST, 2, 'tap0', Verdict.VERDICT_HELD, {
      holders: [holder(70, 'vpn', fds, netns)],
    });
    const place = 'tap0 in host (tap; netns 4026531840; ifindex 2)';
    assert.deepEqual((await who('tap0', [copies])).out, [
      `${place} is held by process 70 (vpn, uid 0) through fds 3 and 5 of thread 71 (one open file).`,
    ]);
    const queues = binding(HOST, 2, 'tap0', Verdict.VERDICT_KEPT, {
      holders: [
        holder(
          70,
          'vpn',
          [3, 4].map((fd) => ({ fd, queue: `q${fd}`, detached: true })),
          netns,
        ),
      ],
    });
    assert.deepEqual((await who('tap0', [queues])).out, [
      `${place} is only kept, by process 70 (vpn, uid 0) through fds 3 (detached) and 4 (detached) (2 queues): all its queues are detached, so no packet flows.`,
    ]);
  });

  it('tells what the holder is called: a container, a pod, the machine in it', async () => {
    const id = '0123456789abcdef'.repeat(4);
    const pod = { runtime: 'cri-o', id, podName: 'launcher-1', podNamespace: 'shop' };
    const kinds: [NonNullable<Workload['kind']>, string][] = [
      [
        { $case: 'container', value: Container.create({ runtime: 'docker', id }) },
        'docker 0123456789ab',
      ],
      [{ $case: 'container', value: Container.create({ id, name: 'web' }) }, 'container web'],
      [{ $case: 'container', value: Container.create(pod) }, 'pod shop/launcher-1'],
      [
        {
          $case: 'virtualMachine',
          value: { hypervisor: 'qemu', name: 'vm1', uuid: '', container: Container.create(pod) },
        },
        'vm vm1 in pod shop/launcher-1',
      ],
    ];
    for (const [kind, words] of kinds) {
      const one = holder(70, 'vpn', [{ fd: 3 }], {
        process: { netns: HOST },
        workload: { kind },
      });
      const held = binding(HOST, 2, 'tap0', Verdict.VERDICT_HELD, { holders: [one] });
      assert.deepEqual((await who('tap0', [held])).out, [
        `tap0 in host (tap; netns 4026531840; ifindex 2) is held by process 70 (vpn, uid 0, ${words}) through fd 3.`,
      ]);
    }
  });

  it('never says nobody when it is hidden or not known', async () => {
    const hidden = binding(FOOZ, 7, 'tap0', Verdict.VERDICT_HIDDEN, {
      queues: { attached: 1, disabled: 0, found: 0 },
      hints: [{ kind: HintKind.HINT_KIND_IO_URING, pid: 77, fd: 4, detail: 'A ring has it.' }],
    });
    assert.deepEqual((await who('tap0', [hidden])).out, [
      `tap0 ${IN_FOOZ} is held by something that no process's descriptors show: the kernel counts 1 queue, 0 found; A ring has it (process 77, fd 4).`,
    ]);
    const unknown = binding(FOOZ, 7, 'tap0', Verdict.VERDICT_UNKNOWN, {
      reasons: [{ code: ReasonCode.REASON_CODE_NAME_ONLY, detail: 'Only the name matches.' }],
      holders: [
        holder(5, 'vpn', [{ fd: 3, queue: 'a', evidence: Evidence.EVIDENCE_NAME, candidates: 2 }], {
          process: { netns: FOOZ },
        }),
      ],
    });
    assert.deepEqual((await who('tap0', [unknown])).out, [
      `tap0 ${IN_FOOZ}: who holds it is not known: Only the name matches.`,
      '  found: process 5 (vpn, uid 0) through fd 3, not proven (only the name matches: it may be any of 2 devices)',
    ]);
  });

  it('tells who held an unheld device last', async () => {
    const left = binding(FOOZ, 7, 'tap0', Verdict.VERDICT_UNHELD, {
      lastHolder: {
        process: { pid: 9, comm: 'vpn', uid: 3 },
        lastSeen: new Date('2026-01-31T12:00:00.000Z'),
      },
    });
    assert.deepEqual((await who('tap0', [left])).out, [
      `tap0 ${IN_FOOZ} is held by nobody; the last to hold it was process 9 (vpn, uid 3), until 2026-01-31T12:00:00.000Z.`,
    ]);
  });

  it('asks for that name alone, in one namespace when NETNS/NAME is given', async () => {
    const requests: ListTapBindingsRequest[] = [];
    await using server = await stage(answering([HELD, UNHELD], summary(), requests));
    const ask = async (what: string) => tapmap(['who', '--address', server.address, what]);
    await ask('tap[1]*');
    await ask('fooz/tap123');
    await ask('host/tap123');
    const sent = requests.map(({ filter }) =>
      filter.map(({ deviceName, netnsPath, netnsInitial }) => [
        deviceName,
        netnsPath,
        netnsInitial,
      ]),
    );
    assert.deepEqual(sent, [
      [['tap\\[1\\]\\*', '', false]],
      [['tap123', '/run/netns/fooz', false]],
      [['tap123', '', true]],
    ]);
  });

  it('ends with 1 when there is none, and says when that is not sure', async () => {
    const none = await who('tap9', []);
    assert.deepEqual(none, {
      code: 1,
      out: [],
      err: 'tapmap: who: no TAP or TUN device is named tap9\n',
    });
    const blind = await who('tap9', [], summary({ netnsDenied: 2 }));
    assert.match(
      blind.err,
      /named tap9, unless it is in one of 2 namespaces that could not be looked into\n$/,
    );
  });
});

describe('tapmap who PID', () => {
  it('tells what the process holds, where, and where it is itself', async () => {
    const { code, out } = await who('4242', [HELD, UNHELD]);
    assert.deepEqual(out, [
      `Process 4242 (qemu, uid 107 libvirt-qemu, vm web1) holds tap123 ${IN_FOOZ} through fd 3. The process itself is in host (netns 4026531840), not in fooz.`,
    ]);
    assert.equal(code, 0);
  });

  it('tells both when a device has the number for a name', async () => {
    const numbered = binding(HOST, 2, '4242', Verdict.VERDICT_UNHELD);
    const { out } = await who('4242', [HELD, numbered]);
    assert.deepEqual(
      out.map((line) => line.slice(0, 26)),
      ['Process 4242 (qemu, uid 10', '4242 in host (tap; netns 4'],
    );
  });

  it('tells who else holds it', async () => {
    const both = binding(HOST, 2, 'tap0', Verdict.VERDICT_HELD, {
      holders: [
        holder(50, 'qemu', [{ fd: 3, queue: 'a' }]),
        holder(60, 'sleep', [{ fd: 4, queue: 'a' }]),
      ],
    });
    assert.deepEqual((await who('60', [both])).out, [
      'Process 60 (sleep, uid 0) holds tap0 in host (tap; netns 4026531840; ifindex 2) through fd 4; so does process 50 (qemu, uid 0), sharing the open file.',
    ]);
  });

  it('tells a hidden device that may be its', async () => {
    const hidden = binding(FOOZ, 7, 'tap0', Verdict.VERDICT_HIDDEN, {
      hints: [{ kind: HintKind.HINT_KIND_IO_URING, pid: 77, detail: 'A ring has it.' }],
    });
    assert.deepEqual((await who('77', [hidden])).out, [
      `Process 77 may hold tap0 ${IN_FOOZ} without a descriptor of its own: A ring has it.`,
    ]);
    assert.equal((await who('78', [hidden])).code, 1);
  });

  it('ends with 1 when it holds none, and says so when it could not be looked at', async () => {
    const none = await who('7', []);
    assert.deepEqual(none, {
      code: 1,
      out: [],
      err: 'tapmap: who: process 7 holds no TAP or TUN device; no TAP or TUN device is named 7\n',
    });
    const denied = { processesDenied: 1, deniedProcesses: [{ pid: 7, errno: 'EACCES' }] };
    assert.match(
      (await who('7', [], summary(denied))).err,
      /who: what process 7 holds is not known: it could not be looked at \(EACCES\); no TAP/,
    );
  });
});

describe('tapmap who --json', () => {
  it('prints the bindings that answer, and nothing else on stdout', async () => {
    await using server = await stage(answering([HELD, UNHELD], summary()));
    const { code, out } = await tapmap(['who', '--address', server.address, '4242', '--json']);
    const { bindings } = JSON.parse(out) as { bindings: { name: string }[] };
    assert.deepEqual([code, bindings.map(({ name }) => name)], [0, ['netns/42/devices/7']]);
  });
});
