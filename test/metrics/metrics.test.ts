import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { createConnection } from 'node:net';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { WatchTapBindingsRequest } from '../../src/gen/tapmap/v1/tap_binding_service.js';
import { connect, list, Watch } from '../supervise/client.js';
import { child } from '../cli/stage.js';
import { Serve, type ServeOptions } from '../supervise/serve.js';
import { missing } from '../stage/ability.js';
import { watchForLeaks } from '../stage/leaks.js';
import { until } from '../stage/until.js';
import { documentedMetrics } from './documented.js';
import { ask, Page } from './page.js';

const PATIENCE = 30_000;

const { version } = JSON.parse(
  readFileSync(new URL('../../package.json', import.meta.url), 'utf8'),
) as { version: string };

/** One with metrics. */
class Measured {
  readonly serve: Serve;
  readonly target: string;

  /** `address` instead of a socket beside its other one. */
  constructor(options: ServeOptions = {}, address?: string, flags: object = {}) {
    this.serve = new Serve({
      ...options,
      flags: (directory) => ({
        'metrics-listen': address ?? `unix://${directory}/m.sock`,
        ...flags,
      }),
    });
    this.target = `unix://${this.serve.socket}`;
  }

  get socketPath(): string {
    return join(this.serve.directory, 'm.sock');
  }

  get where() {
    return { socketPath: this.socketPath };
  }

  page(): Promise<Page> {
    return Page.of(this.where);
  }

  reaches(value: number, name: string, labels: Record<string, string> = {}): Promise<unknown> {
    const isReached = async () => (await this.page()).value(name, labels) === value;
    return until(`${name} is ${value}`, isReached, PATIENCE);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.serve[Symbol.asyncDispose]();
  }
}

describe('the metrics of a server', () => {
  const checkLeaks = watchForLeaks();
  after(checkLeaks);

  it('are a page without a fault, and name no device and no process', async () => {
    await using measured = new Measured({ devices: ['secret0', 'secret1'] });
    await measured.serve.serving();
    await measured.reaches(2, 'tapmap_bindings', { kind: 'tap', verdict: 'unheld' });
    const { body } = await ask(measured.where);
    assert.doesNotMatch(body, /secret|netns\/|\/s\.sock/);
    const page = await measured.page();
    const own = [...page.families.values()].filter(({ name }) => name.startsWith('tapmap_'));
    assert.ok(own.length > 25, `${own.length} families`);
    const labels = new Set(
      own.flatMap(({ samples }) => samples.flatMap((s) => [...s.labels.keys()])),
    );
    for (const label of ['pid', 'device', 'name', 'netns', 'client']) assert.ok(!labels.has(label));
    assert.equal(page.value('tapmap_build_info', { version }), 1);
  });

  it('please promtool', { skip: missing('command:promtool') }, async () => {
    await using measured = new Measured();
    await measured.serve.serving();
    const { body } = await ask(measured.where);
    const checked = spawnSync('promtool', ['check', 'metrics'], { input: body, encoding: 'utf8' });
    assert.equal(checked.stderr, '');
    assert.equal(checked.status, 0);
  });

  it('are those that docs/metrics.md lists, with their types and labels', async () => {
    await using measured = new Measured({ realProbe: true });
    await measured.serve.serving();
    await until('the probe has told what it used', async () => {
      return (await measured.page()).value('tapmap_probe_cpu_seconds_total') !== undefined;
    });
    const { families } = await measured.page();
    const told = [...families.values()].map(({ name, type, samples }) => {
      const labels = new Set(samples.flatMap((sample) => [...sample.labels.keys()]));
      labels.delete('le');
      // Those of Node are documented by its own names alone.
      return name.startsWith('tapmap_') ? { name, type, labels: [...labels] } : { name };
    });
    assert.deepEqual(
      documentedMetrics(),
      told.toSorted((a, b) => (a.name < b.name ? -1 : 1)),
    );
  });

  it('count connections that are closed as there are as many as allowed', async () => {
    const flags = { 'max-watchers': 1 };
    await using measured = new Measured({}, undefined, flags);
    await measured.serve.serving();
    await measured.reaches(0, 'tapmap_connections_dropped_total');
    // A watcher, the lists, and those that are idle.
    const allowed = 1 + 1000 + 512;
    let closed = 0;
    const clients = Array.from({ length: allowed + 2 }, () =>
      createConnection(measured.serve.socket)
        .on('error', () => undefined)
        .on('close', () => closed++)
        .resume(),
    );
    try {
      await measured.reaches(2, 'tapmap_connections_dropped_total');
      await until('these are closed', () => closed === 2);
      const told = measured.serve.stderr.match(/"msg":"connections closed: .*/g);
      assert.equal(told?.length, 1);
    } finally {
      for (const client of clients) client.destroy();
    }
  });

  it('count bindings as they come and go', async () => {
    await using measured = new Measured({ devices: ['tap0'] });
    await measured.serve.serving();
    await measured.reaches(1, 'tapmap_bindings', { kind: 'tap', verdict: 'unheld' });
    await measured.reaches(1, 'tapmap_revisions_total');
    measured.serve.tell({ devices: ['tap0', 'tap1', 'tap2'] });
    await measured.reaches(3, 'tapmap_bindings', { kind: 'tap', verdict: 'unheld' });
    await measured.reaches(2, 'tapmap_revisions_total');
    await measured.reaches(0, 'tapmap_bindings', { kind: 'tap', verdict: 'held' });
  });

  it('tell of a probe that is lost, and of the next one', async () => {
    await using measured = new Measured({ timing: { backoffFirst: 1500 } });
    await measured.serve.serving();
    await measured.reaches(0, 'tapmap_stale');
    await measured.reaches(0, 'tapmap_probe_restarts_total');
    process.kill(await measured.serve.running('probe'), 'SIGKILL');
    await measured.reaches(1, 'tapmap_stale');
    await measured.reaches(1, 'tapmap_probe_restarts_total');
    await measured.reaches(0, 'tapmap_stale');
    const age = (await measured.page()).value('tapmap_observation_age_seconds')!;
    assert.ok(age >= 0 && age < PATIENCE / 1000, `${age} s`);
  });

  it('tell what the probe has used, as the probe says', async () => {
    await using measured = new Measured();
    await measured.serve.serving();
    await measured.reaches(1.5, 'tapmap_probe_cpu_seconds_total');
    await measured.reaches(64_000_000, 'tapmap_probe_resident_memory_bytes');
    await measured.reaches(3, 'tapmap_probe_looks_total', { extent: 'scan' });
    await measured.reaches(0.04025, 'tapmap_probe_looks_cpu_seconds_total', { extent: 'part' });
  });

  it('count calls by what came of them, and scans by who wanted them', async () => {
    await using measured = new Measured();
    await measured.serve.serving();
    const client = connect(measured.target);
    await list(client);
    await list(client, true);
    await measured.reaches(2, 'tapmap_calls_total', { method: 'ListTapBindings', code: 'OK' });
    await measured.reaches(1, 'tapmap_scans_total', { cause: 'request' });
    await measured.reaches(1, 'tapmap_scans_total', { cause: 'schedule' });
    await measured.reaches(2, 'tapmap_scan_duration_seconds_count');
    const refused = client.watchTapBindings(
      WatchTapBindingsRequest.fromPartial({ resumeToken: 'none' }),
    );
    await assert.rejects(async () => {
      for await (const message of refused) assert.fail(String(message));
    });
    const invalid = { method: 'WatchTapBindings', code: 'INVALID_ARGUMENT' };
    await measured.reaches(1, 'tapmap_calls_total', invalid);
    const watch = new Watch(client);
    await measured.reaches(1, 'tapmap_watchers');
    watch.cancel();
    await measured.reaches(0, 'tapmap_watchers');
    const cancelled = { method: 'WatchTapBindings', code: 'CANCELLED' };
    await measured.reaches(1, 'tapmap_calls_total', cancelled);
    client.close();
  });

  it('are told on TCP, too, until the server ends', async () => {
    await using measured = new Measured({}, 'tcp://127.0.0.1:0');
    await measured.serve.serving();
    const [, port] = /"metrics":"tcp:\/\/127\.0\.0\.1:(\d+)"/.exec(measured.serve.stderr) ?? [];
    const where = { host: '127.0.0.1', port: Number(port) };
    assert.equal((await Page.of(where)).value('tapmap_stale'), 0);
    measured.serve.kill('SIGTERM');
    assert.equal((await measured.serve.ended).code, 0);
    await assert.rejects(ask(where), /ECONNREFUSED/);
  });

  it('may be told beyond loopback, of which the log warns', async () => {
    await using measured = new Measured({}, 'tcp://0.0.0.0:0');
    await measured.serve.serving();
    const [, port] = /"metrics":"tcp:\/\/0\.0\.0\.0:(\d+)"/.exec(measured.serve.stderr) ?? [];
    assert.equal((await ask({ host: '127.0.0.1', port: Number(port) })).status, 200);
    assert.match(measured.serve.stderr, /"level":"warn".*metrics are told to all who reach/);
  });

  it('have an address that is one, or it is bad usage', async () => {
    const { code, err } = await child(['serve', '--metrics-listen', '9464']);
    assert.equal(code, 2);
    assert.match(err, /^tapmap: serve: --metrics-listen "9464" is not unix:/);
  });

  it('have an address that is bound as the others are, or none of them is', async () => {
    await using measured = new Measured();
    await measured.serve.serving();
    await using second = new Measured({}, `unix://${measured.socketPath}`);
    assert.equal((await second.serve.ended).code, 3);
    assert.match(
      second.serve.stderr,
      /^tapmap: serve: unix:\S+: already in use by another server$/m,
    );
    assert.ok(!existsSync(second.serve.socket), 'the other address was given up');
    measured.serve.kill('SIGTERM');
    await measured.serve.ended;
    assert.ok(!existsSync(measured.socketPath), 'the socket is gone');
  });

  it('have no address unless one is given', async () => {
    await using serve = new Serve();
    await serve.serving();
    assert.match(serve.stderr, /"metrics":null/);
    assert.ok(!existsSync(join(serve.directory, 'm.sock')));
  });
});
