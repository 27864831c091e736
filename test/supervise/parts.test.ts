import assert from 'node:assert/strict';
import { once } from 'node:events';
import { existsSync, lstatSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { Backoff } from '../../src/supervise/backoff.js';
import { parseReport, type SocketFile } from '../../src/supervise/report.js';
import { removeSockets } from '../../src/supervise/socket-files.js';

describe('the wait before a restart', () => {
  it('doubles up to a limit, and begins anew after a success', () => {
    const backoff = new Backoff(100, 5000);
    const waits = Array.from({ length: 8 }, () => backoff.next());
    assert.deepEqual(waits, [100, 200, 400, 800, 1600, 3200, 5000, 5000]);
    backoff.reset();
    assert.equal(backoff.next(), 100);
  });
});

describe('what the server may report', () => {
  it('is a closed set of exact messages', () => {
    const reports = [
      { type: 'alive' },
      { type: 'listening', sockets: [{ path: '/s', dev: '1', ino: '18446744073709551615' }] },
      { type: 'probe_healthy', probe: 1 },
      { type: 'probe_failed', probe: 2, reason: 'ended' },
    ];
    for (const report of reports) assert.deepEqual(parseReport(report), report);
  });

  it('is nothing else', () => {
    const others = [
      null,
      'alive',
      {},
      { type: 'other' },
      { type: 'alive', more: 1 },
      { type: 'listening', sockets: [{ path: 's', dev: '1', ino: '1' }] },
      { type: 'listening', sockets: [{ path: '/s', dev: 1, ino: 1 }] },
      { type: 'probe_healthy', probe: 0 },
      { type: 'probe_failed', probe: 1 },
    ];
    for (const other of others) assert.equal(parseReport(other), null, JSON.stringify(other));
  });
});

describe('a socket file of a server that ended', () => {
  let directory = '';
  let path = '';
  let server: Server;

  beforeEach(async () => {
    directory = mkdtempSync(join(tmpdir(), 'tapmap-files-'));
    path = join(directory, 's.sock');
    server = createServer();
    await once(server.listen(path), 'listening');
  });

  afterEach(() => {
    server.close();
    rmSync(directory, { recursive: true });
  });

  function reported(): SocketFile {
    const { dev, ino } = lstatSync(path, { bigint: true });
    return { path, dev: dev.toString(), ino: ino.toString() };
  }

  it('is removed', async () => {
    await removeSockets([reported()], [path]);
    assert.equal(existsSync(path), false);
  });

  it('is left when the server was never told to listen there', async () => {
    await removeSockets([reported()], [`${path}x`]);
    assert.equal(existsSync(path), true);
  });

  it('is left when it is not the one that was reported', async () => {
    const { dev, ino } = reported();
    await removeSockets([{ path, dev, ino: `${ino}1` }], [path]);
    await removeSockets([{ path, dev: `${dev}1`, ino }], [path]);
    assert.equal(existsSync(path), true);
  });

  it('is left when it is no socket', async () => {
    rmSync(path);
    writeFileSync(path, '');
    await removeSockets([reported()], [path]);
    assert.equal(existsSync(path), true);
  });

  it('may be gone already', async () => {
    const file = reported();
    rmSync(path);
    await removeSockets([file], [path]);
    assert.equal(existsSync(path), false);
  });
});
