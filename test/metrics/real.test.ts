import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { chmod } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { missing } from '../stage/ability.js';
import { setStage } from '../stage/stage.js';
import { until } from '../stage/until.js';
import { verdictToJSON, type TapBinding } from '../../src/gen/tapmap/v1/tap_binding.js';
import { Tapmap } from '../scenarios/tapmap.js';
import { Page } from './page.js';

const PATIENCE = 30_000;
const skip = missing('root', 'tun', 'netns');
const directory = mkdtempSync(join(tmpdir(), 'tapmap-metrics-'));
const socketPath = join(directory, 'm.sock');
before(() => chmod(directory, 0o777));
const tapmap = Tapmap.ofFile(skip, { flags: ['--metrics-listen', `unix://${socketPath}`] });
after(() => {
  rmSync(directory, { recursive: true });
});

/** How many bindings List shows of each verdict. */
function counted(bindings: readonly TapBinding[]): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const { verdict } of bindings) {
    const word = verdictToJSON(verdict).replace('VERDICT_', '').toLowerCase();
    counts[word] = (counts[word] ?? 0) + 1;
  }
  return counts;
}

/** The same, of the page. */
function told(page: Page): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const { labels, value } of page.families.get('tapmap_bindings')?.samples ?? []) {
    const word = labels.get('verdict')!;
    if (value > 0) counts[word] = (counts[word] ?? 0) + value;
  }
  return counts;
}

/** List, and the page of the same revision: others on this machine may change something in between. */
async function ofOneRevision(): Promise<{ bindings: readonly TapBinding[]; page: Page }> {
  return until('a page of the revision of a list', async () => {
    const { bindings, revision } = await tapmap.list();
    const page = await Page.of({ socketPath });
    return page.value('tapmap_revisions_total') === Number(revision) && { bindings, page };
  });
}

test(
  'a device that is attached to, and let go: the page counts what List shows',
  { skip },
  async (t) => {
    const stage = setStage(t);
    const device = stage.unheldDevice();
    const verdicts: (string | undefined)[] = [];
    const look = async (): Promise<void> => {
      const { bindings, page } = await ofOneRevision();
      assert.deepEqual(told(page), counted(bindings));
      const own = bindings.find((binding) => binding.device?.name === device);
      verdicts.push(own && verdictToJSON(own.verdict));
    };
    await look();
    const queue = stage.queue(device);
    await look();
    queue.close();
    await look();
    assert.deepEqual(verdicts, ['VERDICT_UNHELD', 'VERDICT_HELD', 'VERDICT_UNHELD']);
  },
);

test(
  'what the probe uses grows, and it is told which part scans have in that',
  { skip },
  async () => {
    const first = await until('it is told', async () => {
      const page = await Page.of({ socketPath });
      return page.value('tapmap_probe_cpu_seconds_total') !== undefined && page;
    });
    await tapmap.list();
    await until('it has grown', async () => {
      const page = await Page.of({ socketPath });
      const all = page.value('tapmap_probe_cpu_seconds_total')!;
      const scans = page.value('tapmap_probe_looks_cpu_seconds_total', { extent: 'scan' })!;
      const parts = page.value('tapmap_probe_looks_cpu_seconds_total', { extent: 'part' })!;
      assert.ok(scans + parts <= all, `${scans} + ${parts} of ${all} s`);
      return all > first.value('tapmap_probe_cpu_seconds_total')! && scans > 0;
    });
    const resident = first.value('tapmap_probe_resident_memory_bytes')!;
    assert.ok(resident > 10e6 && resident < 1e9, `${resident} bytes`);
  },
);

test('a probe that is killed: stale, then a restart, then live again', { skip }, async () => {
  const before = await Page.of({ socketPath });
  assert.equal(before.value('tapmap_stale'), 0);
  const restarts = before.value('tapmap_probe_restarts_total')!;
  tapmap.signalProbe('SIGKILL');
  const isAgain = async (): Promise<boolean> => {
    const page = await Page.of({ socketPath });
    const isLive = page.value('tapmap_stale') === 0;
    return isLive && page.value('tapmap_probe_restarts_total') === restarts + 1;
  };
  await until('it is live again', isAgain, PATIENCE);
});
