import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { lstatSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { promisify } from 'node:util';
import { userNamed } from '../../src/access/accounts.js';
import { staleSocket } from '../server/stale-socket.js';
import { watchForLeaks } from '../stage/leaks.js';
import { until } from '../stage/until.js';
import { connect, list, watchHealth } from './client.js';
import { isHostRoot, Serve, statusField } from './serve.js';

const run = promisify(execFile);

async function hasCommand(name: string): Promise<string | false> {
  return run('sh', ['-c', `command -v ${name}`]).then(
    () => false,
    () => `${name} is not installed`,
  );
}

const noGrpcurl = await hasCommand('grpcurl');
const notRoot = isHostRoot ? false : 'not root of the initial user namespace';

describe('serve', () => {
  const checkLeaks = watchForLeaks();
  after(checkLeaks);

  it('prints where it listens, and answers on a unix socket and on TCP alike', async () => {
    await using serve = new Serve({ devices: ['tap0', 'tap1'] });
    await serve.serving();
    await using both = new Serve({
      devices: ['tap0', 'tap1'],
      listen: [`unix://${join(serve.directory, 'other.sock')}`, 'tcp://127.0.0.1:0'],
    });
    await both.serving();
    const [, port] = /tapmap serves on tcp:\/\/127\.0\.0\.1:(\d+)$/m.exec(both.stdout) ?? [];
    assert.ok(Number(port) > 0, both.stdout);
    for (const target of [
      `unix://${serve.socket}`,
      `unix://${join(serve.directory, 'other.sock')}`,
      `127.0.0.1:${port ?? ''}`,
    ]) {
      const client = connect(target);
      assert.deepEqual((await list(client)).devices, ['tap0', 'tap1']);
      client.close();
    }
  });

  it('prints a grpcurl line that works as it is', { skip: noGrpcurl }, async () => {
    for (const listen of [undefined, ['tcp://127.0.0.1:0']]) {
      await using serve = new Serve({ devices: ['tap0'], ...(listen && { listen }) });
      await serve.serving();
      const [line = ''] = /^ {2}grpcurl .*$/m.exec(serve.stdout) ?? [];
      const { stdout } = await run('sh', ['-c', line], { timeout: 20_000 });
      const message = JSON.parse(stdout) as { bindings: { device: { name: string } }[] };
      assert.deepEqual(
        message.bindings.map(({ device }) => device.name),
        ['tap0'],
      );
    }
  });

  it('tells health and its own schema to grpcurl', { skip: noGrpcurl }, async () => {
    await using serve = new Serve();
    await serve.serving();
    const grpcurl = async (...args: string[]): Promise<string> => {
      const target = ['-plaintext', '-unix', serve.socket];
      return (await run('grpcurl', [...target, ...args], { timeout: 20_000 })).stdout;
    };
    assert.match(await grpcurl('list'), /^tapmap\.v1\.TapBindingService$/m);
    assert.match(await grpcurl('describe', 'tapmap.v1.Verdict'), /VERDICT_HIDDEN = 4/);
    const check = await grpcurl('grpc.health.v1.Health/Check');
    assert.deepEqual(JSON.parse(check), { status: 'SERVING' });
  });

  it('makes the socket 0660 and leaves nothing else beside it', async () => {
    await using serve = new Serve();
    await serve.serving();
    assert.equal(lstatSync(serve.socket).mode & 0o7777, 0o660);
    assert.deepEqual(readdirSync(serve.directory).sort(), ['s.sock', 'script.json']);
  });

  it('says that there was no scan yet when the probe cannot do any', async () => {
    await using serve = new Serve({ mode: 'crash' });
    await serve.serving();
    assert.match(serve.stdout, /No scan has finished yet: the probe ended and is being restarted/);
    const client = connect(`unix://${serve.socket}`);
    await assert.rejects(list(client), { code: 14 });
    const health = watchHealth(`unix://${serve.socket}`);
    await until('health is told', () => health.said.length === 1);
    serve.tell({ mode: 'normal' });
    await until('it answers', () => list(client).catch(() => undefined), 20_000);
    await until('health is told', () => health.said.length === 2);
    assert.deepEqual(health.said, ['NOT_SERVING', 'SERVING']);
    health.stop();
    client.close();
  });

  it(
    'gives up root in the server for good, in every thread, and keeps it in the probe',
    {
      skip: notRoot,
    },
    async () => {
      await using serve = new Serve();
      await serve.serving();
      const nobody = userNamed('nobody');
      assert.ok(nobody !== null);
      const server = await serve.running('server');
      for (const tid of readdirSync(`/proc/${server}/task`)) {
        const thread = Number(tid);
        assert.equal(statusField(thread, 'Uid'), Array(4).fill(nobody.uid).join('\t'));
        assert.equal(statusField(thread, 'Gid'), Array(4).fill(nobody.gid).join('\t'));
        assert.equal(statusField(thread, 'Groups'), '');
        assert.match(statusField(thread, 'CapEff'), /^0+$/);
        assert.match(statusField(thread, 'CapPrm'), /^0+$/);
      }
      assert.equal(statusField(await serve.running('probe'), 'Uid'), '0\t0\t0\t0');
      const client = connect(`unix://${serve.socket}`);
      assert.deepEqual((await list(client, true)).devices, ['tap0']);
      client.close();
    },
  );
});

describe('a start that is refused', () => {
  const checkLeaks = watchForLeaks();
  after(checkLeaks);

  /** One line on standard error, nothing on standard output, and no file left. */
  async function refused(serve: Serve, code: number, line: RegExp): Promise<void> {
    assert.deepEqual(await serve.ended, { code, signal: null });
    assert.match(serve.stderr, /^tapmap: serve: [^\n]+\n$/);
    assert.match(serve.stderr, line);
    assert.equal(serve.stdout, '');
  }

  it('for an address in use leaves the one who has it alone', async () => {
    await using first = new Serve();
    await first.serving();
    {
      await using second = new Serve({ listen: [`unix://${first.socket}`] });
      await refused(second, 3, /s\.sock: already in use by another server/);
    }
    const client = connect(`unix://${first.socket}`);
    await list(client);
    client.close();
  });

  it('for a file that is no socket leaves the file alone', async () => {
    await using serve = new Serve({ mode: 'normal' });
    await serve.serving();
    const file = join(serve.directory, 'file');
    writeFileSync(file, 'kept');
    await using second = new Serve({ listen: [`unix://${file}`] });
    await refused(second, 3, /no socket is in the way/);
    assert.equal(readFileSync(file, 'utf8'), 'kept');
  });

  it('never comes from what a dead server left behind', async () => {
    await using first = new Serve();
    const path = join(first.directory, 'stale.sock');
    await staleSocket(path);
    await using second = new Serve({ listen: [`unix://${path}`] });
    await second.serving();
  });

  it('for an address beyond loopback and no TLS is bad usage', async () => {
    await using remote = new Serve({ listen: ['tcp://0.0.0.0:0'] });
    await refused(remote, 2, /beyond loopback .* TCP needs TLS/);
  });

  it('for a later address takes the earlier ones back', async () => {
    await using serve = new Serve();
    await serve.serving();
    const path = join(serve.directory, 'early.sock');
    await using second = new Serve({ listen: [`unix://${path}`, `unix://${serve.socket}`] });
    await refused(second, 3, /already in use/);
    assert.deepEqual(readdirSync(serve.directory).sort(), ['s.sock', 'script.json']);
  });

  it('for a user that does not exist is bad usage', { skip: notRoot }, async () => {
    await using serve = new Serve({ user: 'no-such-user' });
    await refused(serve, 2, /--user no-such-user: no such user/);
  });
});
