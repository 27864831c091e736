// Scenarios 23 and 24: what cannot be looked at is told, and never taken for nothing.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { test, type TestContext } from 'node:test';
import { Finder, TriggerKind } from '../../src/gen/tapmap/v1/coverage.js';
import { Evidence, ReasonCode, Verdict } from '../../src/gen/tapmap/v1/tap_binding.js';
import { missing } from '../stage/ability.js';
import { bpfOfFile } from '../stage/bpf.js';
import { setStage } from '../stage/stage.js';
import { MAIN, Tapmap, type TapmapOptions } from './tapmap.js';

const NOBODY = 65534;
const AS_NOBODY = ['setpriv', `--reuid=${NOBODY}`, `--regid=${NOBODY}`, '--clear-groups', '--'];
/** Root, but not allowed to look into other processes. */
const BLIND = [
  'setpriv',
  '--bounding-set=-sys_ptrace,-dac_read_search,-dac_override',
  '--inh-caps=-sys_ptrace,-dac_read_search,-dac_override',
  '--',
];

const skip = missing('initial-root', 'tun', 'netns', 'command:setpriv');
const { skip: noBpf } = bpfOfFile();
const BY_PROC = ['--finder', 'proc'];

async function start(t: TestContext, options: TapmapOptions): Promise<Tapmap> {
  const tapmap = await Tapmap.start(options);
  t.after(() => tapmap.stop());
  return tapmap;
}

function skipAsNobody(): string | false {
  if (skip !== false) return skip;
  const [command, ...args] = [...AS_NOBODY, process.execPath, MAIN, '--version'];
  const { status } = spawnSync(command, args);
  return status === 0 ? false : 'another user cannot read this checkout, or Node';
}

test(
  'scenario 23: when processes cannot be looked at, a device that one may hold is UNKNOWN, never UNHELD',
  { skip },
  async (t) => {
    const tapmap = await start(t, { under: BLIND, flags: BY_PROC });
    const stage = setStage(t);
    const held = stage.unheldDevice();
    const unheld = stage.unheldDevice();
    const holder = await stage.holder([stage.queue(held)], { uid: NOBODY, gid: NOBODY });

    const { coverage } = await tapmap.agreed();
    assert.ok(coverage.processesDenied > 0);
    assert.ok(coverage.deniedProcesses.every(({ errno }) => errno === 'EACCES'));
    assert.deepEqual(
      coverage.degraded.map(({ missing }) => missing),
      ['CAP_SYS_PTRACE', 'CAP_DAC_READ_SEARCH'],
    );

    const unknown = await tapmap.binding(held, stage.home);
    assert.equal(unknown.verdict, Verdict.VERDICT_UNKNOWN);
    assert.deepEqual(
      unknown.reasons.map(({ code }) => code),
      [ReasonCode.REASON_CODE_PROCESS_DENIED],
    );
    assert.deepEqual(unknown.queues, { attached: 1, disabled: 0, found: 0 });
    assert.deepEqual(unknown.holders, []);

    // The kernel counts no queue: that nobody holds it needs no look at any process.
    const proven = await tapmap.binding(unheld, stage.home);
    assert.equal(proven.verdict, Verdict.VERDICT_UNHELD);

    await holder.kill();
    const released = await tapmap.binding(held, stage.home);
    assert.equal(released.verdict, Verdict.VERDICT_UNHELD);
  },
);

test(
  'scenario 23: what the kernel’s own structures prove is HELD all the same, by evidence BPF',
  { skip: noBpf || skip },
  async (t) => {
    const tapmap = await start(t, { under: BLIND, flags: ['--finder', 'bpf'] });
    const stage = setStage(t);
    const [device, netns] = [stage.deviceName(), stage.netns()];
    const queue = stage.queue(device);
    stage.home.move(device, netns);
    const nobody = { uid: NOBODY, gid: NOBODY };
    const holder = await stage.holder([queue], nobody);
    const bystander = await stage.holder([], nobody);

    const { verdict, holders, queues } = await tapmap.binding(device, netns);
    assert.equal(verdict, Verdict.VERDICT_HELD);
    assert.deepEqual(queues, { attached: 1, disabled: 0, found: 1 });
    assert.deepEqual(
      holders.map(({ process, fds }) => [
        process?.pid,
        fds.map(({ fd, evidence }) => [fd, evidence]),
      ]),
      [[holder.pid, [[3, Evidence.EVIDENCE_BPF]]]],
    );
    const { coverage } = await tapmap.agreed();
    assert.equal(coverage.finder, Finder.FINDER_BPF);
    const denied = new Set(coverage.deniedProcesses.map(({ pid }) => pid));
    assert.ok(!denied.has(holder.pid) && !denied.has(bystander.pid));
  },
);

test(
  'scenario 24: an ordinary user sees what its own processes hold, as not proven, and the rest in coverage',
  { skip: skipAsNobody() },
  async (t) => {
    const tapmap = await start(t, { under: AS_NOBODY, flags: BY_PROC });
    const stage = setStage(t);
    const [mine, others] = [stage.unheldDevice(), stage.unheldDevice()];
    const own = await stage.holder([stage.queue(mine)], { uid: NOBODY, gid: NOBODY });
    await stage.holder([stage.queue(others)]);

    const { coverage } = await tapmap.agreed();
    assert.ok(coverage.processesSeen > 0);
    assert.ok(coverage.processesDenied > 0);
    assert.deepEqual(
      coverage.degraded.map(({ missing }) => missing),
      ['CAP_SYS_PTRACE', 'CAP_DAC_READ_SEARCH', 'CAP_NET_ADMIN', 'CAP_SYS_ADMIN'],
    );
    const links = coverage.triggers.find(({ kind }) => kind === TriggerKind.TRIGGER_KIND_RTNETLINK);
    assert.notEqual(links!.missing, '', 'it tells of our own network namespace only');

    const { verdict, reasons, holders, queues } = await tapmap.binding(mine, stage.home);
    assert.deepEqual(
      holders.map(({ process }) => process?.pid),
      [own.pid],
    );
    const [fd] = holders[0]!.fds;
    assert.equal(fd?.evidence, Evidence.EVIDENCE_NAME);
    assert.equal(fd.candidates, 1);
    assert.deepEqual(queues, { attached: 1, disabled: 0, found: 1 });
    assert.equal(verdict, Verdict.VERDICT_UNKNOWN);
    assert.deepEqual(
      reasons.map(({ code }) => code),
      [ReasonCode.REASON_CODE_NAME_ONLY],
    );

    const unseen = await tapmap.binding(others, stage.home);
    assert.equal(unseen.verdict, Verdict.VERDICT_UNKNOWN);
    assert.deepEqual(unseen.holders, []);
  },
);
