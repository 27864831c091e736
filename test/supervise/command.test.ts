import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { serveSettings } from '../../src/cli/serve-settings.js';
import { watchForLeaks } from '../stage/leaks.js';
import { isHostRoot } from './serve.js';

const MAIN = new URL('../../src/main.ts', import.meta.url).pathname;
const SELF = ['--import', 'tsx', MAIN];

describe('tapmap serve', () => {
  const checkLeaks = watchForLeaks();
  let directory = '';

  before(() => {
    directory = mkdtempSync(join(tmpdir(), 'tapmap-command-'));
  });
  after(async () => {
    rmSync(directory, { recursive: true });
    await checkLeaks();
  });

  it('serves what its flags say, and ends with 0 when it is asked to', async () => {
    const socket = join(directory, 's.sock');
    const user = process.getuid?.() === 0 && !isHostRoot ? ['--user', 'root'] : [];
    const serve = spawn(
      process.execPath,
      [...SELF, 'serve', '--listen', `unix://${socket}`, ...user],
      {
        stdio: ['ignore', 'pipe', 'inherit'],
      },
    );
    serve.stdout.setEncoding('utf8');
    let printed = '';
    for await (const text of serve.stdout) {
      printed += String(text);
      if (printed.includes('tapmap list')) break;
    }
    assert.ok(printed.startsWith(`tapmap serves on unix://${socket}\n`), printed);
    assert.ok(printed.endsWith(`  npx tapmap list --address unix://${socket}\n`), printed);
    serve.kill('SIGTERM');
    const [code] = (await once(serve, 'exit')) as [number | null];
    assert.equal(code, 0);
    assert.deepEqual(readdirSync(directory), []);
  });

  it('refuses bad usage with one line and exit code 2', () => {
    for (const [args, line] of [
      [['--listen', 'x'], /^tapmap: serve: --listen "x" is not unix:/],
      [
        ['--listen', 'tcp://192.0.2.1:1'],
        /^tapmap: serve: tcp:\/\/192\.0\.2\.1:1: .*TCP needs TLS/,
      ],
      [['--finder', 'magic'], /^tapmap: serve: .*magic/],
      [['--no-such-flag'], /^tapmap: serve: .*--no-such-flag/],
      [
        ['--config', '/no/such/file'],
        /^tapmap: serve: --config \/no\/such\/file: it cannot be read/,
      ],
    ] as const) {
      const { status, stdout, stderr } = spawnSync(process.execPath, [...SELF, 'serve', ...args], {
        encoding: 'utf8',
      });
      assert.match(stderr, line);
      assert.match(stderr, /^[^\n]+\n$/);
      assert.deepEqual([status, stdout], [2, '']);
    }
  });

  it('has a server that cannot be started by hand', () => {
    const { status, stderr } = spawnSync(process.execPath, [...SELF, 'server', '{}'], {
      encoding: 'utf8',
    });
    assert.equal(status, 2);
    assert.match(stderr, /^tapmap: serve: the server is started by `tapmap serve`[^\n]*\n$/);
  });
});

describe('the settings of serve', () => {
  it('have the default address, which clients find by themselves', () => {
    const { server, socketPaths } = serveSettings({}, {}, 0);
    assert.deepEqual(server.listen, ['unix:///run/tapmap/tapmap.sock']);
    assert.equal(server.isDefaultAddress, true);
    assert.deepEqual(socketPaths, ['/run/tapmap/tapmap.sock']);
  });

  it('come from a file, and flags go first', () => {
    const directory = mkdtempSync(join(tmpdir(), 'tapmap-settings-'));
    const config = join(directory, 'config.json');
    try {
      const listen = ['tcp://127.0.0.1:0', 'unix:///a/b'];
      writeFileSync(config, JSON.stringify({ listen, user: 'daemon', 'log-level': 'warn' }));
      const settings = serveSettings({ config, 'log-level': 'error' }, {}, 0);
      assert.deepEqual(settings.server, {
        listen,
        user: 'daemon',
        logLevel: 'error',
        isDefaultAddress: false,
        socket: { mode: 0o660, owner: null, group: null },
        files: [],
        withoutClientCertificates: false,
        maxWatchers: 10_000,
        metricsListen: null,
      });
      assert.deepEqual(settings.socketPaths, ['/a/b']);
      assert.deepEqual(settings.probe, {
        finder: 'auto',
        logLevel: 'error',
        scanBudget: 1,
        withoutTriggers: [],
      });
      for (const [text, message] of [
        ['{', /config\.json: line \d: /],
        ['{\n"listen":"unix:///a"}', /config\.json: line 2: listen: /],
        ['finder: auto\n\nother: 1', /config\.json: line 3: other: there is no such key/],
        [
          'listen:\n- unix:///a/b\n# two\n- tpc://127.0.0.1:1',
          /config\.json: line 4: listen\[1\]: "tpc:\/\/127\.0\.0\.1:1" is not unix:/,
        ],
        [
          'finder: auto\nmetrics-listen: "9464"',
          /config\.json: line 2: metrics-listen: "9464" is not unix:/,
        ],
        ['socket-mode: 0660', /config\.json: line 1: socket-mode: must be an octal mode in quotes/],
      ] as const) {
        writeFileSync(config, text);
        assert.throws(() => serveSettings({ config }, {}, 0), { code: 'USAGE', message });
      }
    } finally {
      rmSync(directory, { recursive: true });
    }
  });
});
