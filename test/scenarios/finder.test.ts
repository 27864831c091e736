// How open files are found: what was asked for, or the best there is, and coverage says which.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { chmodSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { Finder } from '../../src/gen/tapmap/v1/coverage.js';
import { Evidence, Verdict } from '../../src/gen/tapmap/v1/tap_binding.js';
import { missing } from '../stage/ability.js';
import { bpfOfFile } from '../stage/bpf.js';
import { refusing } from '../stage/refusal.js';
import { setStage } from '../stage/stage.js';
import { MAIN, Tapmap, type TapmapOptions } from './tapmap.js';

const skip = missing('initial-root', 'tun', 'netns', 'command:setpriv');
const { skip: noBpf } = bpfOfFile();

async function start(t: TestContext, options: TapmapOptions): Promise<Tapmap> {
  const tapmap = await Tapmap.start(options);
  t.after(() => tapmap.stop());
  return tapmap;
}

/** Holds a device, and tells what tapmap says of that and of itself. */
async function heldBy(t: TestContext, tapmap: Tapmap) {
  const stage = setStage(t);
  const device = stage.deviceName();
  const { pid } = await stage.holder([stage.queue(device)]);
  const { verdict, holders } = await tapmap.binding(device, stage.home);
  assert.equal(verdict, Verdict.VERDICT_HELD);
  assert.deepEqual(
    holders.map(({ process, fds }) => [process?.pid, fds.map(({ evidence }) => evidence)]),
    [[pid, [Evidence.EVIDENCE_IOCTL]]],
  );
  const { finder, degraded } = (await tapmap.agreed()).coverage;
  return { finder, lacking: degraded.find(({ missing: what }) => what === 'BPF finder') };
}

for (const [choice, finder, needs] of [
  ['proc', Finder.FINDER_PROC, skip],
  ['bpf', Finder.FINDER_BPF, noBpf || skip],
  ['auto', Finder.FINDER_BPF, noBpf || skip],
] as const) {
  test(`--finder ${choice} finds a holder, and coverage tells how`, { skip: needs }, async (t) => {
    const found = await heldBy(t, await start(t, { flags: ['--finder', choice] }));
    assert.deepEqual(found, { finder, lacking: undefined });
  });
}

test(
  'where bpf(2) is refused it is /proc, and coverage tells what is in the way',
  { skip },
  async (t) => {
    const under = refusing(['bpf', 'EPERM']);
    const found = await heldBy(t, await start(t, { under, flags: ['--finder', 'auto'] }));
    assert.equal(found.finder, Finder.FINDER_PROC);
    assert.ok(found.lacking !== undefined && found.lacking.cost !== '');
    if (noBpf === false) assert.match(found.lacking.remedy, /EPERM.*seccomp/);
  },
);

const LACKING = /lacks CAP_BPF and CAP_PERFMON; start tapmap as root/;

for (const [why, under, reason, needs] of [
  [
    'an ordinary user',
    ['setpriv', '--reuid=65534', '--regid=65534', '--clear-groups', '--'],
    LACKING,
    skip,
  ],
  [
    'root without the rights',
    ['setpriv', '--bounding-set=-sys_admin,-bpf', '--inh-caps=-all', '--'],
    LACKING,
    skip,
  ],
  [
    'root where bpf(2) is refused',
    refusing(['bpf', 'EPERM']),
    /does not load \(bpf_object__load: EPERM\).*seccomp/,
    noBpf || skip,
  ],
] as const) {
  test(`--finder bpf of ${why} ends at once, and says why`, { skip: needs }, (t) => {
    const [command, ...args] = [...under, process.execPath, MAIN];
    if (spawnSync(command, [...args, '--version']).status !== 0) {
      t.skip('another user cannot read this checkout, or Node');
      return;
    }
    const directory = mkdtempSync(join(tmpdir(), 'tapmap-finder-'));
    t.after(() => {
      rmSync(directory, { recursive: true });
    });
    chmodSync(directory, 0o777);
    const listen = ['--listen', `unix://${join(directory, 's.sock')}`];
    const { status, stderr } = spawnSync(
      command,
      [...args, 'serve', ...listen, '--finder', 'bpf'],
      { encoding: 'utf8', timeout: 60_000 },
    );
    assert.equal(status, 3, stderr);
    assert.match(stderr, reason);
    assert.deepEqual(readdirSync(directory), []);
  });
}

test(
  'the rights for BPF alone are enough for the BPF finder',
  { skip: noBpf || skip },
  async (t) => {
    const caps =
      '-all,+bpf,+perfmon,+net_admin,+sys_ptrace,+setuid,+setgid,+chown,+kill,+dac_override';
    const under = ['setpriv', `--bounding-set=${caps}`, '--inh-caps=-all', '--'];
    const { finder } = await heldBy(t, await start(t, { under, flags: ['--finder', 'bpf'] }));
    assert.equal(finder, Finder.FINDER_BPF);
  },
);
