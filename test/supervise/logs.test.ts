import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { chmod, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { fileURLToPath } from 'node:url';
import { until } from '../stage/until.js';
import { connect, list } from './client.js';
import { isHostRoot } from './serve.js';

const MAIN = fileURLToPath(new URL('../../dist/main.js', import.meta.url));
const LEVELS = ['trace', 'debug', 'info', 'warn', 'error', 'fatal'];

interface Line {
  readonly level: string;
  readonly time: string;
  readonly name: string;
  readonly pid: number;
  readonly msg: string;
  readonly [field: string]: unknown;
}

/** A server whose probe is killed once, and what its three processes have logged, until it has ended. */
async function logged(t: TestContext, level: string): Promise<readonly Line[]> {
  const directory = await mkdtemp(join(tmpdir(), 'tapmap-logs-'));
  t.after(() => rm(directory, { recursive: true }));
  await chmod(directory, 0o777);
  const socket = join(directory, 's.sock');
  const user = process.getuid?.() === 0 && !isHostRoot ? ['--user', 'root'] : [];
  const flags = ['--listen', `unix://${socket}`, '--log-level', level, ...user];
  const serve = spawn(process.execPath, [MAIN, 'serve', ...flags], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let [out, err] = ['', ''];
  serve.stdout.on('data', (text: Buffer) => (out += text.toString()));
  serve.stderr.on('data', (text: Buffer) => (err += text.toString()));
  await until('it serves', () => out.includes('tapmap list'), 30_000);
  const client = connect(`unix://${socket}`);
  await list(client);
  const lost = childOf(serve.pid!, 'tapmap probe');
  process.kill(lost, 'SIGKILL');
  await until(
    'there is another probe',
    async () => {
      if ((childOf(serve.pid!, 'tapmap probe') || lost) === lost) return false;
      return (await list(client)).summary.coverage?.stale === undefined;
    },
    30_000,
  );
  client.close();
  serve.kill('SIGTERM');
  await once(serve, 'close');
  return err
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as Line);
}

/** 0: there is none at this moment. */
function childOf(pid: number, title: string): number {
  const children = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim().split(' ');
  const found = children.find((child) => {
    try {
      return readFileSync(`/proc/${child}/cmdline`, 'utf8').startsWith(title);
    } catch {
      return false;
    }
  });
  return Number(found ?? 0);
}

describe('the log', () => {
  it('is a JSON object a line, with level, time and process in words', async (t) => {
    const lines = await logged(t, 'debug');
    for (const line of lines) {
      assert.ok(LEVELS.includes(line.level), JSON.stringify(line));
      assert.equal(new Date(line.time).toISOString(), line.time);
      assert.match(line.name, /^tapmap (?:serve|server|probe)$/);
      assert.ok(line.pid > 0);
    }
    const said = lines.map(({ level, name, msg }) => `${level} ${name}: ${msg}`);
    for (const expected of [
      'debug tapmap serve: probe started',
      'debug tapmap probe: scanned',
      'info tapmap server: listening',
      'info tapmap server: probe observes',
      'warn tapmap server: probe lost',
      'warn tapmap serve: probe ended; restarting',
      'info tapmap server: draining',
    ]) {
      assert.ok(said.includes(expected), `${expected}: not in\n${said.join('\n')}`);
    }
  });

  it('has the level that was asked for in all three processes', async (t) => {
    const names = new Set((await logged(t, 'debug')).map(({ name }) => name));
    assert.equal(names.size, 3);
    const levels = (await logged(t, 'warn')).map(({ level }) => LEVELS.indexOf(level));
    assert.ok(Math.min(...levels) >= LEVELS.indexOf('warn'));
    assert.deepEqual(await logged(t, 'silent'), []);
  });
});
