import assert from 'node:assert/strict';
import { once } from 'node:events';
import { chmodSync, closeSync, lstatSync, mkdirSync, mkdtempSync, openSync } from 'node:fs';
import {
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { createConnection, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, afterEach, beforeEach, describe, it } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import type { UnixAddress } from '../../src/address/address.js';
import { tryLock } from '../../src/kernel/flock.js';
import { ServerError, type ServerErrorCode } from '../../src/server/error.js';
import type { Listener } from '../../src/server/listener.js';
import { listenAll } from '../../src/server/listeners.js';
import { withLock } from '../../src/server/start-lock.js';
import { listenUnix } from '../../src/server/unix-listener.js';
import { watchForLeaks } from '../stage/leaks.js';
import { staleSocket } from './stale-socket.js';

/** As without flags. */
const OWNER = { mode: 0o660, uid: null, gid: null };
const CONNECTIONS_MAX = 2000;

describe('a unix socket', () => {
  const checkLeaks = watchForLeaks();
  after(checkLeaks);

  let directory = '';
  let address: UnixAddress;
  const listeners: Listener[] = [];

  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), 'tapmap-listen-'));
    address = { kind: 'unix', path: join(directory, 's.sock') };
  });

  afterEach(() => {
    for (const listener of listeners.splice(0)) listener.close();
    rmSync(directory, { recursive: true });
  });

  async function listen(at: UnixAddress = address): Promise<Listener> {
    const listener = await listenUnix(at, OWNER, CONNECTIONS_MAX);
    listeners.push(listener);
    return listener;
  }

  async function connect(path = address.path): Promise<Socket> {
    const connection = createConnection(path);
    await once(connection, 'connect');
    return connection;
  }

  function refusal(code: ServerErrorCode, message: RegExp): (error: unknown) => boolean {
    return (error) => {
      assert.ok(error instanceof ServerError, String(error));
      assert.equal(error.code, code);
      assert.equal(error.exitCode, 3);
      assert.match(error.message, message);
      assert.ok(error.message.startsWith(`unix://${directory}`), error.message);
      return true;
    };
  }

  it('has mode 0660 whatever the umask is, and leaves it as it was', async () => {
    for (const mask of [0, 0o77]) {
      const before = process.umask(mask);
      try {
        const listener = await listen();
        assert.equal(lstatSync(address.path).mode & 0o7777, 0o660);
        listener.withdraw();
      } finally {
        assert.equal(process.umask(before), mask);
      }
    }
  });

  const waiting = Number(readFileSync('/proc/sys/net/core/somaxconn', 'latin1'));
  it(
    'keeps all clients that come at once waiting, and refuses none',
    { skip: waiting < 1500 && `net.core.somaxconn is ${waiting}` },
    async () => {
      await listen();
      // All of them before the first is accepted: this process accepts, too.
      const clients = Array.from({ length: 1000 }, () => createConnection(address.path));
      try {
        await Promise.all(clients.map((client) => once(client, 'connect')));
      } finally {
        for (const client of clients) client.destroy();
      }
    },
  );

  it('is the only thing left in its directory', async () => {
    await listen();
    assert.deepEqual(readdirSync(directory), ['s.sock']);
  });

  it('may have the longest path that a socket can have', async () => {
    const name = 's'.repeat(107 - Buffer.byteLength(`${directory}/`));
    const long: UnixAddress = { kind: 'unix', path: `${directory}/${name}` };
    await listen(long);
    (await connect(long.path)).destroy();
    assert.deepEqual(readdirSync(directory), [name]);
  });

  it('is told by device and inode', async () => {
    const { file } = await listen();
    const { dev, ino } = lstatSync(address.path, { bigint: true });
    assert.deepEqual(file, { path: address.path, dev: String(dev), ino: String(ino) });
  });

  it('makes the last directory of its path with mode 0755, and no further one', async () => {
    const before = process.umask(0o77);
    try {
      const path = join(directory, 'run', 's.sock');
      await listen({ kind: 'unix', path });
      assert.equal(lstatSync(join(directory, 'run')).mode & 0o7777, 0o755);
    } finally {
      process.umask(before);
    }
    const deep = join(directory, 'no', 'such', 's.sock');
    await assert.rejects(
      listen({ kind: 'unix', path: deep }),
      refusal('LISTEN', /directory does not exist/),
    );
  });

  it('leaves the mode of a directory that was there', async () => {
    mkdirSync(join(directory, 'own'), { mode: 0o700 });
    chmodSync(join(directory, 'own'), 0o700);
    await listen({ kind: 'unix', path: join(directory, 'own', 's.sock') });
    assert.equal(lstatSync(join(directory, 'own')).mode & 0o7777, 0o700);
  });

  it('hands over connections in order, those too that came before it was opened', async () => {
    const listener = await listen();
    const early = await connect();
    const taken: Socket[] = [];
    const arrived = new Promise<void>((resolve) => {
      listener.open((connection) => {
        taken.push(connection);
        if (taken.length === 2) resolve();
      });
    });
    const late = await connect();
    await arrived;
    for (const socket of [early, late, ...taken]) socket.destroy();
  });

  it('is refused when a live server has it, and the loser leaves it alone', async () => {
    const first = await listen();
    first.open((connection) => connection.destroy());
    const { ino } = lstatSync(address.path);
    await assert.rejects(listen(), refusal('IN_USE', /already in use by another server/));
    assert.equal(lstatSync(address.path).ino, ino);
    assert.deepEqual(readdirSync(directory), ['s.sock']);
    (await connect()).destroy();
  });

  it('replaces what a dead server left behind', async () => {
    await staleSocket(address.path);
    const { ino, ctimeMs } = lstatSync(address.path);
    await listen();
    const now = lstatSync(address.path);
    assert.notDeepEqual([now.ino, now.ctimeMs], [ino, ctimeMs]);
    (await connect()).destroy();
    assert.deepEqual(readdirSync(directory), ['s.sock']);
  });

  it('has one winner when many replace the same dead one at the same time', async () => {
    await staleSocket(address.path);
    const results = await Promise.allSettled(Array.from({ length: 8 }, () => listen()));
    const lost = results.filter((result) => result.status === 'rejected');
    for (const { reason } of lost) refusal('IN_USE', /already in use/)(reason);
    const [winner, ...others] = listeners;
    assert.deepEqual(others, []);
    assert.equal(lost.length, 7);
    assert.equal(winner?.file?.ino, String(lstatSync(address.path).ino));
    (await connect()).destroy();
    assert.deepEqual(readdirSync(directory), ['s.sock']);
  });

  it('waits with that while another server does the same', async () => {
    await staleSocket(address.path);
    const { ino } = lstatSync(address.path);
    const lock = openSync(`${directory}/.s.sock.lock`, 'w', 0o600);
    assert.equal(tryLock(lock), true);
    const started = listen();
    assert.equal(await Promise.race([started, delay(200, 'it waits')]), 'it waits');
    assert.equal(lstatSync(address.path).ino, ino);
    // As when its holder ends: the file stays, and is nobody's.
    closeSync(lock);
    await started;
    (await connect()).destroy();
    assert.deepEqual(readdirSync(directory), ['s.sock']);
  });

  it('holds for that a lock which nobody can take who may not write there', async () => {
    const lock = join(directory, '.s.sock.lock');
    await withLock(address.path, address, () => {
      assert.equal(lstatSync(lock).mode & 0o777, 0o600);
      assert.deepEqual(ownAbstractSockets(), [], 'their names are free to everybody');
      return Promise.resolve();
    });
    assert.deepEqual(readdirSync(directory), []);
  });

  it('gives the lock to one at a time', async () => {
    let holders = 0;
    const once = () =>
      withLock(address.path, address, async () => {
        assert.equal(++holders, 1);
        await delay(5);
        holders--;
      });
    await Promise.all(Array.from({ length: 8 }, once));
    assert.deepEqual(readdirSync(directory), []);
  });

  it('never replaces a file that is no socket, nor what a link leads to', async () => {
    const precious = join(directory, 'precious');
    writeFileSync(precious, 'kept');
    await assert.rejects(
      listen({ kind: 'unix', path: precious }),
      refusal('NOT_A_SOCKET', /no socket is in the way/),
    );
    symlinkSync(precious, address.path);
    await assert.rejects(listen(), refusal('NOT_A_SOCKET', /no socket is in the way/));
    assert.equal(readFileSync(address.path, 'utf8'), 'kept');
    assert.deepEqual(readdirSync(directory).sort(), ['precious', 's.sock']);
  });

  it('is withdrawn when a later address cannot be had', async () => {
    const other: UnixAddress = { kind: 'unix', path: join(directory, 'file') };
    writeFileSync(other.path, '');
    await assert.rejects(
      listenAll([address, other], {
        owner: OWNER,
        speaksTls: false,
        connectionsMax: CONNECTIONS_MAX,
      }),
      refusal('NOT_A_SOCKET', /in the way/),
    );
    assert.deepEqual(readdirSync(directory), ['file']);
  });

  it("does not take another's socket with it when it is withdrawn", async () => {
    const first = await listen();
    rmSync(address.path);
    await listen();
    first.withdraw();
    (await connect()).destroy();
  });
});

/** Names of unix sockets of this process that are no files. */
function ownAbstractSockets(): string[] {
  const own = new Set(
    readdirSync('/proc/self/fd').map((fd) => {
      try {
        return /^socket:\[(\d+)\]$/.exec(readlinkSync(`/proc/self/fd/${fd}`))?.[1];
      } catch {
        // The descriptor that the list was read by.
        return undefined;
      }
    }),
  );
  return readFileSync('/proc/net/unix', 'latin1')
    .split('\n')
    .map((line) => line.trim().split(/\s+/))
    .flatMap(([, , , , , , inode, name]) =>
      name?.startsWith('@') && own.has(inode) ? [name] : [],
    );
}
