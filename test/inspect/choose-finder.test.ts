// Which finder it is, and what happens when it fails.
import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { loadBpf, type BpfObstacle } from '../../src/inspect/bpf-ability.js';
import type { Iterators } from '../../src/inspect/bpf-finder.js';
import { chooseFinder, FinderError } from '../../src/inspect/choose-finder.js';
import { procFinder } from '../../src/inspect/find.js';
import { thisHost } from '../../src/inspect/host.js';
import { Pace } from '../../src/inspect/pace.js';
import { BPF_OBJECT } from '../../src/kernel/bpf-iterators.js';
import { KernelError } from '../../src/kernel/kernel-error.js';
import { bpfOfFile } from '../stage/bpf.js';
import { setStage } from '../stage/stage.js';

const { skip } = bpfOfFile();
const host = thisHost();
const proc = () => procFinder(null);
const obstacle: BpfObstacle = { reason: 'no library', remedy: 'install it' };

/** Iterators that tell nothing for `good` rounds, and then fail with `error`. */
function failingAfter(good: number, error: Error): Iterators & { closed: number } {
  let rounds = 0;
  return {
    closed: 0,
    tasks: () => Promise.resolve([]),
    openFiles: () => (rounds++ < good ? Promise.resolve([]) : Promise.reject(error)),
    close() {
      this.closed++;
    },
  };
}

test('auto is BPF where it loads, and else /proc, which says what is in the way', () => {
  const good = chooseFinder('auto', proc, () => failingAfter(9, new Error('no')));
  assert.deepEqual([good.kind, good.degraded], ['BPF', []]);
  const fallback = chooseFinder('auto', proc, () => obstacle);
  assert.equal(fallback.kind, 'PROC');
  assert.deepEqual(
    fallback.degraded.map(({ missing, remedy }) => [missing, remedy]),
    [['BPF finder', 'no library; install it']],
  );
});

test('proc is /proc, and nothing is missing', () => {
  const finder = chooseFinder('proc', proc, () => assert.fail('loaded'));
  assert.deepEqual([finder.kind, finder.degraded], ['PROC', []]);
});

test('bpf is BPF or an error that says why and what to do', () => {
  assert.throws(
    () => chooseFinder('bpf', proc, () => obstacle),
    new FinderError('the BPF finder cannot be had: no library; install it'),
  );
});

test('auto goes on with /proc when BPF fails, in the same scan, and does not try again', async (t) => {
  setStage(t);
  const iterators = failingAfter(1, new KernelError('read of a BPF iterator', 'EIO'));
  const finder = chooseFinder('auto', proc, () => iterators);
  await finder.find(host, new Pace(), false);
  assert.equal(finder.kind, 'BPF');
  for (let scan = 0; scan < 2; scan++) {
    const { seen, denied } = await finder.find(host, new Pace(), false);
    assert.ok(seen.length + denied.size > 0);
    assert.equal(finder.kind, 'PROC');
    assert.match(finder.degraded[0]?.remedy ?? '', /read of a BPF iterator: EIO/);
  }
  assert.equal(iterators.closed, 1);
});

test('bpf, asked for by name, fails when it fails', async (t) => {
  setStage(t);
  const error = new KernelError('read of a BPF iterator', 'EIO');
  const finder = chooseFinder('bpf', proc, () => failingAfter(0, error));
  await assert.rejects(finder.find(host, new Pace(), false), error);
});

test('an object that is cut short or not there is an obstacle, with a remedy', { skip }, (t) => {
  setStage(t);
  const directory = mkdtempSync(join(tmpdir(), 'tapmap-bpf-'));
  t.after(() => {
    rmSync(directory, { recursive: true });
  });
  const cut = join(directory, 'cut.bpf.o');
  const whole = readFileSync(BPF_OBJECT);
  writeFileSync(cut, whole.subarray(0, whole.length / 2));
  for (const [file, reason] of [
    [cut, /does not load/],
    [join(directory, 'none.bpf.o'), /was not built/],
  ] as const) {
    const loaded = loadBpf(file);
    assert.ok('reason' in loaded);
    assert.match(loaded.reason, reason);
    assert.notEqual(loaded.remedy, '');
  }
});
