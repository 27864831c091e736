import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { existsSync, readdirSync } from 'node:fs';
import { after, describe, it } from 'node:test';
import { status } from '@grpc/grpc-js';
import { watchForLeaks } from '../stage/leaks.js';
import { until } from '../stage/until.js';
import { connect, isUnavailable, list, Watch, watchHealth } from './client.js';
import { isAlive, Serve } from './serve.js';

async function allGone(pids: readonly number[]): Promise<void> {
  await until('all processes are gone', () => !pids.some(isAlive), 20_000);
}

async function all(serve: Serve): Promise<number[]> {
  return [serve.pid, await serve.running('server'), await serve.running('probe')];
}

describe('the end of serve', () => {
  const checkLeaks = watchForLeaks();
  after(checkLeaks);

  for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP'] as const) {
    it(`by ${signal} ends streams with OK, removes the socket, leaves nothing, exits 0`, async () => {
      await using serve = new Serve();
      await serve.serving();
      const pids = await all(serve);
      const client = connect(`unix://${serve.socket}`);
      const watch = new Watch(client);
      await until('the snapshot is complete', () => watch.inSync);
      serve.kill(signal);
      assert.deepEqual(await serve.ended, { code: 0, signal: null });
      await until('the stream has ended', () => watch.ended);
      assert.equal(watch.ended?.code, status.OK);
      assert.equal(existsSync(serve.socket), false);
      assert.deepEqual(readdirSync(serve.directory), ['script.json']);
      await assert.rejects(list(client), isUnavailable);
      await allGone(pids);
      client.close();
    });
  }

  it('is told to those who watch health before their stream ends', async () => {
    await using serve = new Serve();
    await serve.serving();
    const health = watchHealth(`unix://${serve.socket}`);
    await until('it is well', () => health.said.length === 1);
    serve.kill('SIGTERM');
    assert.equal((await serve.ended).code, 0);
    assert.deepEqual(health.said, ['SERVING', 'NOT_SERVING']);
    health.stop();
  });

  it('refuses a scan that a client waits for', async () => {
    await using serve = new Serve();
    await serve.serving();
    const client = connect(`unix://${serve.socket}`);
    // A probe that cannot answer.
    process.kill(await serve.running('probe'), 'SIGSTOP');
    const waiting = list(client, true);
    const watch = new Watch(client);
    await until('both calls have come', () => watch.inSync);
    serve.kill('SIGTERM');
    await assert.rejects(waiting, isUnavailable);
    assert.equal((await serve.ended).code, 0);
    client.close();
  });

  it('comes at once with a second signal, even for a server that hangs', async () => {
    await using serve = new Serve();
    await serve.serving();
    const pids = await all(serve);
    process.kill(pids[1]!, 'SIGSTOP');
    serve.kill('SIGTERM');
    await until('it drains', () => serve.stderr.includes('draining'));
    serve.kill('SIGTERM');
    assert.deepEqual(await serve.ended, { code: 0, signal: null });
    assert.equal(existsSync(serve.socket), false);
    await allGone(pids);
  });

  it('comes after a while for a server that hangs', async () => {
    await using serve = new Serve({ timing: { drain: 500 } });
    await serve.serving();
    const pids = await all(serve);
    process.kill(pids[1]!, 'SIGSTOP');
    serve.kill('SIGTERM');
    assert.deepEqual(await serve.ended, { code: 0, signal: null });
    await allGone(pids);
  });

  it('comes for a probe that hangs', async () => {
    await using serve = new Serve();
    await serve.serving();
    const pids = await all(serve);
    process.kill(pids[2]!, 'SIGSTOP');
    serve.kill('SIGTERM');
    assert.deepEqual(await serve.ended, { code: 0, signal: null });
    await allGone(pids);
  });

  it('by SIGKILL leaves no process behind', async () => {
    await using serve = new Serve();
    await serve.serving();
    const pids = await all(serve);
    serve.kill('SIGKILL');
    await serve.ended;
    await allGone(pids);
    // The next one takes the place of what is left.
    assert.equal(existsSync(serve.socket), true);
    await using next = new Serve({ listen: [`unix://${serve.socket}`] });
    await next.serving();
    next.kill('SIGTERM');
    assert.equal((await next.ended).code, 0);
    assert.equal(existsSync(serve.socket), false);
  });

  it('while it still starts is an end as well', async () => {
    await using serve = new Serve();
    await serve.running('server');
    serve.kill('SIGTERM');
    assert.deepEqual(await serve.ended, { code: 0, signal: null });
    assert.equal(existsSync(serve.socket), false);
  });
});

describe('processes that get a signal of the terminal', () => {
  const checkLeaks = watchForLeaks();
  after(checkLeaks);

  it('leave it to the supervisor when to end', async () => {
    await using serve = new Serve();
    await serve.serving();
    const [, server, probe] = await all(serve);
    for (const pid of [server!, probe!]) {
      process.kill(pid, 'SIGINT');
      process.kill(pid, 'SIGHUP');
    }
    const client = connect(`unix://${serve.socket}`);
    serve.tell({ devices: [createHash('md5').update('x').digest('hex').slice(0, 8)] });
    await list(client, true);
    assert.deepEqual([serve.find('server'), serve.find('probe')], [server, probe]);
    client.close();
  });
});
