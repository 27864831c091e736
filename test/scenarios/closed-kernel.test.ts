// Scenario 22: kernels that are too old for a call, or that refuse it (seccomp, an LSM). What is lost is
// told, with the evidence that is left; nothing wrong is told, and nothing ends.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { TriggerKind } from '../../src/gen/tapmap/v1/coverage.js';
import {
  Evidence,
  ReasonCode,
  Verdict,
  type TapBinding,
} from '../../src/gen/tapmap/v1/tap_binding.js';
import { missing } from '../stage/ability.js';
import { dup } from '../stage/libc.js';
import { addMacvtap, missingMacvtap, openMacvtap } from '../stage/macvtap.js';
import { Netns } from '../stage/netns.js';
import { refusing, type Refusal } from '../stage/refusal.js';
import { setStage, type Stage } from '../stage/stage.js';
import { IFF_MULTI_QUEUE, IFF_NO_PI, IFF_TAP } from '../stage/tun.js';
import { MAIN, Tapmap } from './tapmap.js';

const skip = missing('root', 'tun', 'netns');
const MULTI = IFF_TAP | IFF_NO_PI | IFF_MULTI_QUEUE;

async function start(t: TestContext, under: readonly string[]): Promise<Tapmap> {
  // As on the kernels that are so old: the BPF finder asks for none of these calls.
  const tapmap = await Tapmap.start({ under, flags: ['--finder', 'proc'] });
  t.after(() => tapmap.stop());
  return tapmap;
}

async function startRefusing(t: TestContext, ...refusals: Refusal[]): Promise<Tapmap> {
  return await start(t, refusing(...refusals));
}

async function missingOf(tapmap: Tapmap): Promise<string[]> {
  const { coverage } = await tapmap.agreed();
  for (const { cost, remedy } of coverage.degraded) assert.ok(cost !== '' && remedy !== '');
  return coverage.degraded.map(({ missing }) => missing);
}

/** Of each holder: its pid, and for each descriptor the evidence and the candidates. */
function claimsOf({ holders }: TapBinding) {
  return holders.map(({ process, fds }) => [
    process?.pid,
    ...fds.map(({ evidence, candidates }) => [evidence, candidates]),
  ]);
}

function codesOf({ reasons }: TapBinding): ReasonCode[] {
  return reasons.map(({ code }) => code);
}

function assertUnheld(binding: TapBinding): void {
  assert.equal(binding.verdict, Verdict.VERDICT_UNHELD);
  assert.deepEqual(claimsOf(binding), []);
}

function assertUnknown(binding: TapBinding, reason: ReasonCode, ...claims: unknown[]): void {
  assert.equal(binding.verdict, Verdict.VERDICT_UNKNOWN);
  assert.deepEqual(codesOf(binding), [reason]);
  assert.deepEqual(claimsOf(binding), claims);
}

function assertProven(binding: TapBinding, pid: number): void {
  assert.equal(binding.verdict, Verdict.VERDICT_HELD);
  assert.deepEqual(claimsOf(binding), [[pid, [Evidence.EVIDENCE_IOCTL, 0]]]);
}

/** A device that is held, one that is not, and two of one name in two namespaces. */
async function devices(stage: Stage) {
  const [held, unheld, twin, netns] = [
    stage.unheldDevice(),
    stage.unheldDevice(),
    stage.deviceName(),
    stage.netns(),
  ];
  const holder = await stage.holder([stage.queue(held)]);
  const here = await stage.holder([stage.queue(twin)]);
  const there = await stage.holder([netns.within(() => stage.queue(twin))]);
  return { held, unheld, twin, netns, holder, here, there };
}

const byName = (candidates: number) => [Evidence.EVIDENCE_NAME, candidates];
const NAME_ONLY = ReasonCode.REASON_CODE_NAME_ONLY;

// Without a copy there is only the name in /proc. A copy that tells no namespace tells the address of its
// device, which leaves one of the two.
const withoutProof: readonly { refusals: readonly Refusal[]; missing: string[]; twins: 1 | 2 }[] = [
  { refusals: [['pidfd_getfd', 'EPERM']], missing: ['pidfd_getfd'], twins: 2 },
  { refusals: [['pidfd_getfd', 'ENOSYS']], missing: ['pidfd_getfd'], twins: 2 },
  { refusals: [['pidfd_open', 'ENOSYS']], missing: ['pidfd_open', 'PIDFD_THREAD'], twins: 2 },
  { refusals: [['TUNGETIFF', 'ENOTTY']], missing: ['TUNGETIFF'], twins: 2 },
  { refusals: [['TUNGETDEVNETNS', 'EPERM']], missing: ['TUNGETDEVNETNS'], twins: 1 },
  { refusals: [['TUNGETDEVNETNS', 'ENOTTY']], missing: ['TUNGETDEVNETNS'], twins: 1 },
  {
    refusals: [
      ['TUNGETDEVNETNS', 'ENOTTY'],
      ['SIOCGIFHWADDR', 'EPERM'],
    ],
    missing: ['TUNGETDEVNETNS'],
    twins: 2,
  },
  {
    refusals: [
      ['pidfd_getfd', 'EPERM'],
      ['kcmp', 'EPERM'],
      ['openat2', 'ENOSYS'],
    ],
    missing: ['pidfd_getfd', 'kcmp', 'openat2'],
    twins: 2,
  },
];

for (const { refusals, missing: told, twins } of withoutProof) {
  const what = refusals.map(([call, errno]) => `${call} ${errno}`).join(', ');
  test(
    `scenario 22: names are all there is (${what}): holders are told as not proven, with their candidates`,
    { skip },
    async (t) => {
      const tapmap = await startRefusing(t, ...refusals);
      const stage = setStage(t);
      const { held, unheld, twin, netns, holder, here, there } = await devices(stage);
      assert.deepEqual(await missingOf(tapmap), told);

      // One candidate is no proof.
      const one = await tapmap.binding(held, stage.home);
      assertUnknown(one, NAME_ONLY, [holder.pid, byName(1)]);
      assert.deepEqual(one.queues, { attached: 1, disabled: 0, found: 1 });
      assertUnheld(await tapmap.binding(unheld, stage.home));
      for (const [place, own] of [
        [stage.home, here],
        [netns, there],
      ] as const) {
        const pids = twins === 1 ? [own.pid] : [here.pid, there.pid].sort((a, b) => a - b);
        const claims = pids.map((pid) => [pid, byName(twins)]);
        assertUnknown(await tapmap.binding(twin, place), NAME_ONLY, ...claims);
      }

      // Nobody is left who could be meant: the kernel's count needs no look at any process.
      await holder.kill();
      assertUnheld(await tapmap.binding(held, stage.home));
      await there.kill();
      const last = await tapmap.binding(twin, stage.home);
      assertUnknown(last, NAME_ONLY, [here.pid, byName(1)]);
    },
  );
}

test(
  'scenario 22: names are all there is: a device that nobody holds is no candidate for a file of its name',
  { skip },
  async (t) => {
    const tapmap = await startRefusing(t, ['pidfd_getfd', 'ENOSYS']);
    const stage = setStage(t);
    const [twin, netns] = [stage.unheldDevice(), stage.netns()];
    const holder = await stage.holder([netns.within(() => stage.queue(twin))]);
    assertUnheld(await tapmap.binding(twin, stage.home));
    assertUnknown(await tapmap.binding(twin, netns), NAME_ONLY, [holder.pid, byName(1)]);
  },
);

test(
  'scenario 22: without PIDFD_THREAD a holder that is a thread is told as not proven',
  { skip },
  async (t) => {
    const tapmap = await startRefusing(t, ['PIDFD_THREAD', 'EINVAL']);
    const stage = setStage(t);
    const [name, process] = [stage.deviceName(), stage.deviceName()];
    const agent = await stage.agent([stage.queue(name), stage.queue(process)]);
    const tid = await agent.threadWithOwnTable();
    await agent.close(3);
    assert.deepEqual(await missingOf(tapmap), ['PIDFD_THREAD']);
    const binding = await tapmap.binding(name, stage.home);
    assertUnknown(binding, NAME_ONLY, [agent.pid, byName(1)]);
    assert.equal(binding.holders[0]?.fds[0]?.tid, tid);
    assert.equal((await tapmap.binding(process, stage.home)).verdict, Verdict.VERDICT_HELD);
  },
);

// Here the proof stands.
const withProof: readonly { refusals: readonly Refusal[]; missing: string[] }[] = [
  { refusals: [['pidfd_send_signal', 'EPERM']], missing: [] },
  { refusals: [['SIOCGIFHWADDR', 'EPERM']], missing: [] },
  { refusals: [['SIOCGSKNS', 'ENOTTY']], missing: ['SIOCGSKNS'] },
  { refusals: [['SO_NETNS_COOKIE', 'EPERM']], missing: ['SO_NETNS_COOKIE'] },
  { refusals: [['kcmp', 'ENOSYS']], missing: ['kcmp'] },
  { refusals: [['openat2', 'ENOSYS']], missing: ['openat2'] },
];

for (const { refusals, missing: told } of withProof) {
  const [[call, errno]] = refusals as [Refusal];
  test(`scenario 22: holders are proven without ${call} (${errno})`, { skip }, async (t) => {
    const tapmap = await startRefusing(t, ...refusals);
    const stage = setStage(t);
    const { held, unheld, twin, netns, holder, here, there } = await devices(stage);
    assert.deepEqual(await missingOf(tapmap), told);
    const binding = await tapmap.binding(held, stage.home);
    assertProven(binding, holder.pid);
    assertUnheld(await tapmap.binding(unheld, stage.home));
    assertProven(await tapmap.binding(twin, stage.home), here.pid);
    const elsewhere = await tapmap.binding(twin, netns);
    assertProven(elsewhere, there.pid);

    const openedIn = binding.holders[0]?.fds[0]?.openedIn?.inode;
    assert.equal(openedIn, call === 'SIOCGSKNS' ? undefined : BigInt(stage.home.inode));
    const byInode = elsewhere.name.startsWith(`netns/inode-${netns.inode}/`);
    assert.equal(byInode, call === 'SO_NETNS_COOKIE');
    assert.equal(elsewhere.device?.netns?.cookie === 0n, call === 'SO_NETNS_COOKIE');

    await holder.kill();
    assertUnheld(await tapmap.binding(held, stage.home));
  });
}

const uncounting: readonly [what: string, under: () => readonly string[]][] = [
  ['SIOCETHTOOL EOPNOTSUPP', () => refusing(['SIOCETHTOOL', 'EOPNOTSUPP'])],
  ['SIOCETHTOOL EPERM', () => refusing(['SIOCETHTOOL', 'EPERM'])],
  // As a release before 6.9, which counts one queue of a single-queue device whether it is held or not.
  ['an old release', () => ['setarch', '--uname-2.6']],
];

for (const [what, under] of uncounting) {
  test(
    `scenario 22: the kernel does not count the queue of a single-queue device (${what}): it is HELD or UNKNOWN`,
    { skip: skip === false ? missing('command:setarch') : skip },
    async (t) => {
      const tapmap = await start(t, under());
      const stage = setStage(t);
      const { held, unheld, twin, netns, holder, there } = await devices(stage);
      const [multi, heldMulti] = [
        stage.unheldDevice(stage.home, 'tap', 'multi_queue'),
        stage.deviceName(),
      ];
      const many = await stage.holder([stage.queue(heldMulti, MULTI)]);
      assert.deepEqual(await missingOf(tapmap), ['ETHTOOL_GCHANNELS']);

      // All of them are down, and so nothing else would tell.
      const binding = await tapmap.binding(held, stage.home);
      assertProven(binding, holder.pid);
      assert.deepEqual(binding.queues, { attached: undefined, disabled: 0, found: 1 });
      assertProven(await tapmap.binding(twin, netns), there.pid);
      const reason = ReasonCode.REASON_CODE_QUEUE_COUNT_UNAVAILABLE;
      assertUnknown(await tapmap.binding(unheld, stage.home), reason);
      await holder.kill();
      assertUnknown(await tapmap.binding(held, stage.home), reason);

      // Multi-queue devices are counted in another way.
      assertUnheld(await tapmap.binding(multi, stage.home));
      assertProven(await tapmap.binding(heldMulti, stage.home), many.pid);
    },
  );
}

for (const errno of ['ENOSYS', 'EPERM'] as const) {
  test(
    `scenario 22: without kcmp (${errno}) no open file is told as several queues, nor several as one`,
    { skip },
    async (t) => {
      const tapmap = await startRefusing(t, ['kcmp', errno]);
      const stage = setStage(t);
      const [single, multi] = [stage.deviceName(), stage.deviceName()];
      const one = stage.queue(single);
      const [first, second] = [stage.queue(multi, MULTI), stage.queue(multi, MULTI)];
      const shared = [one, first].map(({ fd }) => stage.own(dup(fd)));
      const parent = await stage.holder([one, first, second]);
      const child = await stage.holder(shared);
      const pids = [parent.pid, child.pid].sort((a, b) => a - b);

      // A device of one queue has one open file: both have it.
      const certain = await tapmap.binding(single, stage.home);
      assert.equal(certain.verdict, Verdict.VERDICT_HELD);
      assert.deepEqual(certain.queues, { attached: 1, disabled: 0, found: 1 });
      const ids = certain.holders.map(({ fds }) => fds.map(({ queue }) => queue));
      assert.deepEqual(ids, [[ids[0]?.[0]], [ids[0]?.[0]]]);
      assert.notEqual(ids[0]?.[0], '');

      const reason = ReasonCode.REASON_CODE_OPEN_FILES_INDISTINGUISHABLE;
      const binding = await tapmap.binding(multi, stage.home);
      assert.equal(binding.verdict, Verdict.VERDICT_UNKNOWN);
      assert.deepEqual(codesOf(binding), [reason]);
      assert.deepEqual(binding.queues, { attached: 2, disabled: 0, found: 1 });
      assert.deepEqual(
        binding.holders.map(({ process }) => process?.pid),
        pids,
      );
      for (const { evidence, queue } of binding.holders.flatMap(({ fds }) => fds)) {
        assert.equal(evidence, Evidence.EVIDENCE_IOCTL);
        assert.equal(queue, '');
      }

      // Threads share the table of their process, which the kernel does not tell either.
      const agent = await stage.agent([stage.queue(stage.deviceName())]);
      const { bindings } = await tapmap.agreed();
      const descriptors = bindings
        .flatMap(({ holders }) => holders)
        .filter(({ process }) => process?.pid === agent.pid)
        .flatMap(({ fds }) => fds.map(({ fd, tid }) => [fd, tid]));
      assert.deepEqual(descriptors, [[3, undefined]]);
    },
  );
}

test(
  'scenario 22: without openat2 a namespace that is mounted elsewhere only is told as not listed',
  { skip },
  async (t) => {
    const tapmap = await startRefusing(t, ['openat2', 'ENOSYS']);
    const stage = setStage(t);
    const directory = mkdtempSync(join(tmpdir(), 'tapmap-mounted-'));
    stage.atEnd(() => {
      rmSync(directory, { recursive: true });
    });
    const script = `mount -t tmpfs none "$0" && touch "$0/ns" &&
      unshare -n mount --bind /proc/self/ns/net "$0/ns" && exec "$@"`;
    const keeper = await stage.holder([], {
      under: ['unshare', '-m', 'sh', '-c', script, directory],
    });
    const { inode } = new Netns(`/proc/${keeper.pid}/root${directory}/ns`);
    const { coverage } = await tapmap.agreed();
    assert.deepEqual(
      coverage.deniedNetns.filter((denied) => denied.inode === BigInt(inode)),
      [{ inode: BigInt(inode), errno: 'ENOSYS' }],
    );
  },
);

test(
  'scenario 22: where no other namespace may be entered, their devices are told as not listed',
  { skip },
  async (t) => {
    const tapmap = await startRefusing(t, ['setns', 'EPERM']);
    const stage = setStage(t);
    const { held, unheld, twin, netns, holder, here } = await devices(stage);
    assert.deepEqual(await missingOf(tapmap), ['setns']);
    assertProven(await tapmap.binding(held, stage.home), holder.pid);
    assertUnheld(await tapmap.binding(unheld, stage.home));
    assertProven(await tapmap.binding(twin, stage.home), here.pid);
    const { bindings, coverage } = await tapmap.agreed();
    assert.equal(bindings.filter(({ device }) => device?.name === twin).length, 1);
    assert.deepEqual(
      coverage.deniedNetns.filter(({ inode }) => inode === BigInt(netns.inode)),
      [{ inode: BigInt(netns.inode), errno: 'EPERM' }],
    );
  },
);

test(
  'scenario 22: where devices cannot be listed at all, nothing is, and coverage tells',
  { skip },
  async (t) => {
    const tapmap = await startRefusing(t, ['AF_NETLINK', 'EAFNOSUPPORT']);
    const stage = setStage(t);
    await devices(stage);
    assert.deepEqual(await missingOf(tapmap), ['NETLINK_ROUTE']);
    const { bindings, coverage } = await tapmap.agreed();
    for (const { kind, missing: why } of coverage.triggers) {
      const isRefused =
        kind === TriggerKind.TRIGGER_KIND_RTNETLINK ||
        kind === TriggerKind.TRIGGER_KIND_PROCESS_CONNECTOR;
      if (isRefused) assert.notEqual(why, '');
    }
    assert.equal(coverage.triggers.length, 4);
    assert.deepEqual(bindings, []);
    assert.equal(coverage.netnsSeen, 0);
    assert.ok(coverage.deniedNetns.every(({ errno }) => errno === 'EAFNOSUPPORT'));
    assert.ok(coverage.deniedNetns.some(({ inode }) => inode === BigInt(stage.home.inode)));
  },
);

test(
  'scenario 22: without a copy of its file nothing tells who holds a macvtap, and it is UNKNOWN',
  { skip: missingMacvtap() },
  async (t) => {
    const tapmap = await startRefusing(t, ['pidfd_getfd', 'EPERM']);
    const stage = setStage(t);
    const [below, name] = [stage.unheldDevice(), stage.deviceName()];
    addMacvtap(stage, below, name);
    await stage.holder([await openMacvtap(stage, stage.home, name)]);
    const reason = ReasonCode.REASON_CODE_QUEUE_COUNT_UNAVAILABLE;
    assertUnknown(await tapmap.binding(name, stage.home), reason);
  },
);

test(
  'scenario 22: a macvtap file that does not tell the address of its device is known by name and number',
  { skip: missingMacvtap() },
  async (t) => {
    const tapmap = await startRefusing(t, ['SIOCGIFHWADDR', 'EPERM']);
    const stage = setStage(t);
    const [below, name] = [stage.unheldDevice(), stage.deviceName()];
    addMacvtap(stage, below, name);
    const holder = await stage.holder([await openMacvtap(stage, stage.home, name)]);
    assertProven(await tapmap.binding(name, stage.home), holder.pid);
  },
);

function tapmapRefusing(refusals: readonly Refusal[], ...args: string[]) {
  const [command, ...launcher] = refusing(...refusals);
  return spawnSync(command!, [...launcher, process.execPath, MAIN, ...args], {
    encoding: 'utf8',
    timeout: 60_000,
  });
}

test('scenario 22: doctor tells each call that is refused', { skip }, () => {
  const refusals: readonly Refusal[] = [
    ['pidfd_getfd', 'ENOSYS'],
    ['TUNGETDEVNETNS', 'ENOTTY'],
    ['SIOCETHTOOL', 'EOPNOTSUPP'],
    ['SO_NETNS_COOKIE', 'ENOPROTOOPT'],
    ['kcmp', 'ENOSYS'],
    ['openat2', 'ENOSYS'],
    ['setns', 'EPERM'],
  ];
  const { status, stdout } = tapmapRefusing(refusals, 'doctor', '--json');
  assert.equal(status, 0);
  const { abilities } = JSON.parse(stdout) as {
    abilities: { name: string; available: boolean; cost: string; remedy: string }[];
  };
  // Those depend on more than what is refused here.
  const others = new Set(['BPF finder', 'rtnetlink', 'fanotify', 'process-connector', 'pidfd']);
  const told = abilities.filter(({ name, available }) => !available && !others.has(name));
  assert.deepEqual(told.map(({ name }) => name).sort(), [
    'ETHTOOL_GCHANNELS',
    'SO_NETNS_COOKIE',
    'TUNGETDEVNETNS',
    'kcmp',
    'openat2',
    'pidfd_getfd',
    'setns',
  ]);
  assert.ok(told.every(({ cost, remedy }) => cost !== '' && remedy !== ''));
});

for (const errno of ['ENOSYS', 'EPERM'] as const) {
  test(
    `scenario 22: where nothing can be looked at (statx ${errno}), serve and doctor say so and end`,
    { skip },
    (t) => {
      const directory = mkdtempSync(join(tmpdir(), 'tapmap-refused-'));
      t.after(() => {
        rmSync(directory, { recursive: true });
      });
      const why = new RegExp(`cannot be looked at: statx .*: ${errno}`);
      const listen = ['--listen', `unix://${join(directory, 's.sock')}`];
      for (const args of [['serve', ...listen], ['doctor']]) {
        const { status, stderr } = tapmapRefusing([['statx', errno]], ...args);
        assert.equal(status, 3);
        assert.match(stderr, why);
        assert.equal(stderr.match(/cannot be looked at/g)?.length, 1);
        assert.doesNotMatch(stderr, /^ {4}at /m);
      }
    },
  );
}
