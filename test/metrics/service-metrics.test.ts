import assert from 'node:assert/strict';
import { test, type TestContext } from 'node:test';
import { Families } from '../../src/metrics/families.js';
import { ServiceMetrics } from '../../src/metrics/service-metrics.js';
import { serve as serveApi, type ServerOptions } from '../api/server.js';
import { until } from '../stage/until.js';
import { binding, observed } from '../store/observations.js';
import { parsePage } from './exposition.js';
import { Page } from './page.js';

/** The service with its metrics, and one binding. */
async function serve(t: TestContext, options: Omit<ServerOptions, 'events'> = {}) {
  const families = new Families();
  const events = new ServiceMetrics(families);
  const server = await serveApi(t, { ...options, events });
  server.store.apply(observed(Date.now(), [binding(1)]));
  const page = async () => new Page(parsePage(await families.registry.metrics()));
  /** Resolves when it has that value. */
  const reaches = (value: number, name: string, labels: Record<string, string> = {}) =>
    until(`${name} is ${value}`, async () => (await page()).value(name, labels) === value);
  return { server, page, reaches };
}

/** Large enough that few of them fill what a stream may have unread. */
const changed = (revision: number) =>
  binding(1, { device: { alias: String(revision).padEnd(50_000, '.') } });

test('a watcher is counted while it is there, and then with why it ended', async (t) => {
  const { server, reaches } = await serve(t);
  const [one, other] = [server.watch(), server.watch({ updatesOnly: true })];
  await Promise.all([one.reached(1), reaches(2, 'tapmap_watchers')]);
  await reaches(1, 'tapmap_watchers_begun_total', { beginning: 'initial' });
  await reaches(1, 'tapmap_watchers_begun_total', { beginning: 'updates_only' });
  await other.cancel();
  await reaches(1, 'tapmap_watchers_ended_total', { reason: 'cancelled' });
  await reaches(1, 'tapmap_watchers');
  server.draining.abort();
  await reaches(1, 'tapmap_watchers_ended_total', { reason: 'drained' });
  await reaches(0, 'tapmap_watchers');
});

test('one that resumes is told apart from one that needs a snapshot', async (t) => {
  const { server, reaches } = await serve(t);
  const { summary } = await server.list();
  server.watch({ resumeToken: summary.resumeToken });
  await reaches(1, 'tapmap_watchers_begun_total', { beginning: 'resumed' });
});

test('a client that reads nothing: lag grows, changes are coalesced, and it is ended', async (t) => {
  const { server, page, reaches } = await serve(t, { limits: { stallMs: 1000 } });
  const watch = server.watch();
  await watch.reached(1);
  await reaches(0, 'tapmap_watch_lag_seconds');
  watch.pause();
  const began = Date.now();
  let revision = 1;
  await until('some are coalesced, and it is behind', async () => {
    server.store.apply(observed(began, [changed(++revision)]));
    const now = await page();
    const lag = now.value('tapmap_watch_lag_seconds')!;
    assert.ok(lag <= (Date.now() - began) / 1000 + 0.001, `${lag} s`);
    return lag > 0 && now.value('tapmap_changes_coalesced_total')! > 0;
  });
  await until('it is ended', async () => {
    server.store.apply(observed(began, [changed(++revision)]));
    const reason = 'not_reading';
    return (await page()).value('tapmap_watchers_ended_total', { reason }) === 1;
  });
  await reaches(0, 'tapmap_watchers');
  await reaches(0, 'tapmap_watch_lag_seconds');
});

test('a client that reads again is not behind any more, and its delay is told', async (t) => {
  const { server, page, reaches } = await serve(t);
  const watch = server.watch();
  await watch.reached(1);
  watch.pause();
  // As if this had been observed a while ago, to tell it from what takes no time.
  const began = Date.now() - 20_000;
  for (let revision = 2; revision <= 60; revision++) {
    server.store.apply(observed(began, [changed(revision)]));
  }
  await until('it is behind', async () => (await page()).value('tapmap_watch_lag_seconds')! >= 20);
  watch.resume();
  await watch.reached(60);
  await reaches(0, 'tapmap_watch_lag_seconds');
  const now = await page();
  const count = now.value('tapmap_watch_delay_seconds_count')!;
  assert.ok(count >= 2, `${count} messages`);
  assert.equal(now.value('tapmap_watch_delay_seconds_bucket', { le: '10' }), 0);
  assert.equal(now.value('tapmap_watch_delay_seconds_bucket', { le: '60' }), count);
});

test('what a snapshot or a resumed stream tells first is no delay', async (t) => {
  const { server, page, reaches } = await serve(t);
  const { summary, bindings } = await server.list();
  server.store.apply(observed(1_000, [changed(2)]));
  await server.watch().reached(2);
  const resumed = server.watch({ resumeToken: summary.resumeToken });
  for (const known of bindings) resumed.replay.bindings.set(known.name, known);
  await resumed.reached(2);
  // begin, changes, coverage, end; progress and changes.
  await reaches(6, 'tapmap_messages_sent_total', { method: 'WatchTapBindings' });
  const now = await page();
  assert.equal(now.value('tapmap_watch_delay_seconds_count'), 0);
  assert.equal(now.value('tapmap_messages_sent_total', { method: 'ListTapBindings' }), 1);
});
