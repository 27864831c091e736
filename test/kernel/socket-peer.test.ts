import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { createConnection, createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { isKernelError } from '../../src/kernel/kernel-error.js';
import { peerCredentials, peerGroups } from '../../src/kernel/socket-peer.js';
import { isHostRoot } from '../supervise/serve.js';

describe('the peer of a unix socket', () => {
  let directory = '';
  const server = createServer();

  beforeEach(async () => {
    directory = mkdtempSync(join(tmpdir(), 'tapmap-peer-'));
    await once(server.listen(join(directory, 's')), 'listening');
  });

  afterEach(() => {
    server.close();
    rmSync(directory, { recursive: true });
  });

  /** What `ask` says of a connection that this process has made. */
  async function connected<Answer>(ask: (fd: number) => Answer): Promise<Answer> {
    const accepted = once(server, 'connection') as Promise<[Socket]>;
    const client = createConnection(join(directory, 's'));
    const [connection] = await accepted;
    try {
      return ask((Reflect.get(connection, '_handle') as { fd: number }).fd);
    } finally {
      client.destroy();
      connection.destroy();
    }
  }

  it('is told by process, user and group', async () => {
    const { pid, geteuid, getegid } = process;
    assert.deepEqual(await connected(peerCredentials), {
      pid,
      uid: geteuid!(),
      gid: getegid!(),
    });
  });

  it('is told by its other groups, however many', { skip: !isHostRoot && 'not root' }, async () => {
    const before = process.getgroups!();
    try {
      for (const groups of [[], [7, 9], Array.from({ length: 300 }, (_, i) => i + 1000)]) {
        process.setgroups!(groups);
        assert.deepEqual((await connected(peerGroups)).sort(), [...groups].sort());
      }
    } finally {
      process.setgroups!(before);
    }
  });

  it('is not told of a descriptor that is none', () => {
    assert.throws(
      () => peerCredentials(9999),
      (error) => isKernelError(error, 'EBADF'),
    );
    assert.throws(
      () => peerGroups(9999),
      (error) => isKernelError(error, 'EBADF'),
    );
  });
});
