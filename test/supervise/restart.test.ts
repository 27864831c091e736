import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { after, describe, it } from 'node:test';
import { promisify } from 'node:util';
import { DEVICE_PREFIX, watchForLeaks } from '../stage/leaks.js';
import { until } from '../stage/until.js';
import { connect, list, Watch } from './client.js';
import { isAlive, Serve } from './serve.js';

const PATIENCE = 30_000;

const run = promisify(execFile);

async function tuntap(action: 'add' | 'del', device: string): Promise<void> {
  await run('ip', ['tuntap', action, device, 'mode', 'tap']);
}

/** Why no device can be made here, or false. */
async function kernelRefuses(): Promise<string | false> {
  const device = `${DEVICE_PREFIX}try`;
  try {
    await tuntap('add', device);
    await tuntap('del', device);
    return false;
  } catch {
    return 'no TAP device can be made here';
  }
}

/** Ends with the view live and showing exactly these devices. */
async function settles(watch: Watch, devices: readonly string[]): Promise<void> {
  await until(
    `the stream says ${devices.join(' ')}, live`,
    () => !watch.isStale && JSON.stringify(watch.devices) === JSON.stringify(devices),
    PATIENCE,
  );
}

const noDevices = await kernelRefuses();

describe('a probe that dies', () => {
  const checkLeaks = watchForLeaks();
  after(checkLeaks);

  it('ten times, and hangs once, leaves a stream open that ends up true', async () => {
    await using serve = new Serve({ devices: ['tap0'], probeSilence: 1500 });
    await serve.serving();
    const client = connect(`unix://${serve.socket}`);
    const watch = new Watch(client);
    await until('the snapshot is complete', () => watch.inSync, PATIENCE);
    const server = serve.find('server');

    for (let round = 1; round <= 10; round++) {
      const probe = await serve.running('probe');
      process.kill(probe, 'SIGKILL');
      await until('it is dead', () => !isAlive(probe));
      // Changes while nobody looks.
      serve.tell({ devices: [`tap${round}`] });
      await serve.other('probe', probe);
      await settles(watch, [`tap${round}`]);
    }
    assert.ok(watch.stale.length >= 10, `stale ${watch.stale.length} times`);
    assert.deepEqual(new Set(watch.stale), new Set(['the probe ended and is being restarted']));

    const stopped = await serve.running('probe');
    process.kill(stopped, 'SIGSTOP');
    serve.tell({ devices: ['tap0', 'tap1'] });
    await until('the hang is told', () => watch.isStale, PATIENCE);
    assert.match(
      watch.stale.at(-1) ?? '',
      /^the probe was silent for 1.5 s and is being restarted$/,
    );
    await settles(watch, ['tap0', 'tap1']);
    await until('the stopped probe is gone', () => !isAlive(stopped), PATIENCE);

    assert.equal(watch.ended, null);
    assert.equal(serve.find('server'), server);
    const listing = await list(client);
    assert.deepEqual(listing.devices, watch.devices);
    assert.equal(listing.summary.epoch, watch.epoch);
    assert.equal(listing.summary.coverage?.stale, undefined);
    watch.cancel();
    client.close();
  });

  it(
    'ten times, and hangs once, is no different for the devices of the kernel',
    {
      skip: noDevices,
    },
    async () => {
      await using serve = new Serve({ realProbe: true, probeSilence: 2000 });
      await serve.serving();
      const client = connect(`unix://${serve.socket}`);
      const watch = new Watch(client);
      await until('the snapshot is complete', () => watch.inSync, PATIENCE);
      // Other tests make devices on this kernel, too.
      const own = (): string[] => watch.devices.filter((name) => name.startsWith(DEVICE_PREFIX));
      const settled = (device: string): Promise<boolean> =>
        until(`it says ${device}, live`, () => !watch.isStale && own().join() === device, PATIENCE);

      let device = '';
      try {
        for (let round = 0; round <= 10; round++) {
          const probe = await serve.running('probe');
          // The last one hangs.
          process.kill(probe, round < 10 ? 'SIGKILL' : 'SIGSTOP');
          if (device !== '') await tuntap('del', device);
          device = `${DEVICE_PREFIX}${round}`;
          await tuntap('add', device);
          await serve.other('probe', probe);
          await settled(device);
        }
      } finally {
        await tuntap('del', device);
      }
      await settled('');
      assert.ok(watch.stale.length >= 11, `stale ${watch.stale.length} times`);
      assert.equal(watch.ended, null);
      watch.cancel();
      client.close();
    },
  );

  for (const mode of ['garbage', 'half', 'silent', 'crash'] as const) {
    it(`with ${mode} for a first word is replaced until one is well`, async () => {
      await using serve = new Serve({ devices: ['tap0'], probeSilence: 300 });
      await serve.serving();
      const client = connect(`unix://${serve.socket}`);
      const watch = new Watch(client);
      await until('the snapshot is complete', () => watch.inSync, PATIENCE);

      serve.tell({ mode });
      let probe = await serve.running('probe');
      process.kill(probe, 'SIGKILL');
      await until('it is dead', () => !isAlive(probe));
      serve.tell({ devices: ['tap1'] });
      // Two in a row that never say anything sensible.
      for (let count = 0; count < 2; count++) probe = await serve.other('probe', probe);
      assert.deepEqual(watch.devices, ['tap0']);
      serve.tell({ mode: 'normal' });
      await settles(watch, ['tap1']);
      assert.equal(watch.ended, null);
      watch.cancel();
      client.close();
    });
  }

  it('again and again while the server is stopped is replaced once for the server', async () => {
    await using serve = new Serve({ timing: { serverSilence: 60_000 } });
    await serve.serving();
    const server = await serve.running('server');
    process.kill(server, 'SIGSTOP');
    // Channels that are handed over wait in a queue, those of dead probes too.
    for (let count = 0; count < 4; count++) {
      const probe = await serve.running('probe');
      process.kill(probe, 'SIGKILL');
      await serve.other('probe', probe);
    }
    serve.tell({ devices: ['tap9'] });
    process.kill(server, 'SIGCONT');
    const client = connect(`unix://${serve.socket}`);
    const watch = new Watch(client);
    await settles(watch, ['tap9']);
    assert.equal(serve.find('server'), server);
    watch.cancel();
    client.close();
  });

  it('is waited for by clients that ask for a fresh scan no longer than it lives', async () => {
    await using serve = new Serve();
    await serve.serving();
    const client = connect(`unix://${serve.socket}`);
    serve.tell({ devices: ['tap7'] });
    assert.deepEqual((await list(client, true)).devices, ['tap7']);
    process.kill(await serve.running('probe'), 'SIGSTOP');
    const listing = list(client, true);
    process.kill(await serve.running('probe'), 'SIGKILL');
    await assert.rejects(listing, { code: 14 });
    client.close();
  });
});

describe('a server that dies', () => {
  const checkLeaks = watchForLeaks();
  after(checkLeaks);

  it('comes back with a new probe, at the same address, in a new epoch', async () => {
    await using serve = new Serve({ devices: ['tap0'] });
    await serve.serving();
    const client = connect(`unix://${serve.socket}`);
    const before = await list(client);
    const server = await serve.running('server');
    const probe = await serve.running('probe');
    process.kill(server, 'SIGKILL');
    await serve.other('server', server);
    const again = await until('it answers', () => list(client).catch(() => undefined), PATIENCE);
    assert.deepEqual(again.devices, ['tap0']);
    assert.notEqual(again.summary.epoch, before.summary.epoch);
    assert.equal(isAlive(probe), false);
    client.close();
  });

  it('and one that hangs too', async () => {
    await using serve = new Serve({ timing: { serverSilence: 2000 } });
    await serve.serving();
    const server = await serve.running('server');
    process.kill(server, 'SIGSTOP');
    await serve.other('server', server);
    assert.equal(isAlive(server), false);
    const client = connect(`unix://${serve.socket}`);
    await until('it answers', () => list(client).catch(() => undefined), PATIENCE);
    client.close();
  });

  it('does not, while it is well and the supervisor was stopped', async () => {
    await using serve = new Serve({ timing: { serverSilence: 2000 } });
    await serve.serving();
    const server = await serve.running('server');
    const probe = await serve.running('probe');
    serve.kill('SIGSTOP');
    // Longer than the silence that it would not bear from the server.
    const end = performance.now() + 2500;
    await until('time passes', () => performance.now() > end);
    serve.kill('SIGCONT');
    const answered = performance.now() + 1000;
    await until('it ran again for a while', () => performance.now() > answered);
    assert.deepEqual([serve.find('server'), serve.find('probe')], [server, probe]);
  });
});
