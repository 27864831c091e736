// Scenario 22 once more: a kernel refuses what open files are asked by, and its own structures tell.
import assert from 'node:assert/strict';
import { test, type TestContext } from 'node:test';
import { Finder } from '../../src/gen/tapmap/v1/coverage.js';
import { Evidence, Verdict, type TapBinding } from '../../src/gen/tapmap/v1/tap_binding.js';
import { bpfOfFile } from '../stage/bpf.js';
import { addMacvtap, missingMacvtap, openMacvtap } from '../stage/macvtap.js';
import { refusing, type Refusal } from '../stage/refusal.js';
import { setStage } from '../stage/stage.js';
import { IFF_MULTI_QUEUE, IFF_NO_PI, IFF_TAP } from '../stage/tun.js';
import { Tapmap } from './tapmap.js';

const { skip } = bpfOfFile();
const MULTI = IFF_TAP | IFF_NO_PI | IFF_MULTI_QUEUE;

async function startRefusing(t: TestContext, refusals: readonly Refusal[]): Promise<Tapmap> {
  const tapmap = await Tapmap.start({ under: refusing(...refusals), flags: ['--finder', 'bpf'] });
  t.after(() => tapmap.stop());
  return tapmap;
}

/** Of each holder: its pid, and the evidence of each descriptor. */
function claimsOf({ holders }: TapBinding) {
  return holders.map(({ process, fds }) => [process?.pid, ...fds.map(({ evidence }) => evidence)]);
}

function told(refusals: readonly Refusal[]): string {
  return refusals.map(([call, errno]) => `${call} (${errno})`).join(' and ');
}

const withoutProof: readonly (readonly Refusal[])[] = [
  [['pidfd_getfd', 'EPERM']],
  [['pidfd_getfd', 'ENOSYS']],
  [['pidfd_open', 'ENOSYS']],
  [['TUNGETIFF', 'ENOTTY']],
  [['TUNGETDEVNETNS', 'EPERM']],
];

for (const refusals of withoutProof) {
  test(`scenario 22: holders are proven by BPF without ${told(refusals)}`, { skip }, async (t) => {
    const tapmap = await startRefusing(t, refusals);
    const stage = setStage(t);
    const [twin, moved] = [stage.deviceName(), stage.deviceName()];
    const [unheld, netns] = [stage.unheldDevice(), stage.netns()];
    const here = await stage.holder([stage.queue(twin)]);
    const there = await stage.holder([netns.within(() => stage.queue(twin)), stage.queue(moved)]);
    stage.home.move(moved, netns);
    for (const [name, place, { pid }] of [
      [twin, stage.home, here],
      [twin, netns, there],
      [moved, netns, there],
    ] as const) {
      const binding = await tapmap.binding(name, place);
      assert.equal(binding.verdict, Verdict.VERDICT_HELD);
      assert.deepEqual(claimsOf(binding), [[pid, Evidence.EVIDENCE_BPF]]);
      assert.deepEqual(binding.queues, { attached: 1, disabled: 0, found: 1 });
    }
    const { verdict, holders } = await tapmap.binding(unheld, stage.home);
    assert.deepEqual([verdict, holders], [Verdict.VERDICT_UNHELD, []]);
    await here.kill();
    await tapmap.gone(twin, stage.home);
    assert.equal((await tapmap.agreed()).coverage.finder, Finder.FINDER_BPF);
  });
}

const withoutComparison: readonly (readonly Refusal[])[] = [
  [['kcmp', 'ENOSYS']],
  [
    ['kcmp', 'EPERM'],
    ['pidfd_getfd', 'EPERM'],
  ],
];

for (const refusals of withoutComparison) {
  test(
    `scenario 22: which descriptors are one queue is told by BPF without ${told(refusals)}`,
    { skip },
    async (t) => {
      const tapmap = await startRefusing(t, refusals);
      const stage = setStage(t);
      const device = stage.deviceName();
      const agent = await stage.agent([stage.queue(device, MULTI), stage.queue(device, MULTI)]);
      const child = await agent.spawn([3]);
      const binding = await tapmap.binding(device, stage.home);
      assert.equal(binding.verdict, Verdict.VERDICT_HELD);
      assert.deepEqual(binding.queues, { attached: 2, disabled: 0, found: 2 });
      const idsOf = (pid: number) =>
        binding.holders.find(({ process }) => process?.pid === pid)?.fds.map(({ queue }) => queue);
      const [first, second] = idsOf(agent.pid) ?? [];
      assert.ok(first !== undefined && first !== '' && first !== second);
      assert.deepEqual(idsOf(child), [first]);
    },
  );
}

test(
  'scenario 22: without PIDFD_THREAD a holder that is a thread is proven by BPF',
  { skip },
  async (t) => {
    const tapmap = await startRefusing(t, [['PIDFD_THREAD', 'EINVAL']]);
    const stage = setStage(t);
    const device = stage.deviceName();
    const agent = await stage.agent([stage.queue(device)]);
    const tid = await agent.threadWithOwnTable();
    await agent.close(3);
    const binding = await tapmap.binding(device, stage.home);
    assert.equal(binding.verdict, Verdict.VERDICT_HELD);
    assert.deepEqual(claimsOf(binding), [[agent.pid, Evidence.EVIDENCE_BPF]]);
    assert.equal(binding.holders[0]?.fds[0]?.tid, tid);
  },
);

test(
  'scenario 22: who holds a macvtap is told by BPF without a copy of its file',
  { skip: skip || missingMacvtap() },
  async (t) => {
    const tapmap = await startRefusing(t, [['pidfd_getfd', 'EPERM']]);
    const stage = setStage(t);
    const [below, name, netns] = [stage.unheldDevice(), stage.deviceName(), stage.netns()];
    addMacvtap(stage, below, name);
    const holder = await stage.holder([await openMacvtap(stage, stage.home, name)]);
    stage.home.move(name, netns);
    const binding = await tapmap.binding(name, netns);
    assert.equal(binding.verdict, Verdict.VERDICT_HELD);
    assert.deepEqual(claimsOf(binding), [[holder.pid, Evidence.EVIDENCE_BPF]]);
  },
);
