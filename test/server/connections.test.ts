import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { createConnection, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import pino from 'pino';
import type { Address } from '../../src/address/address.js';
import { DEFAULT_LIMITS } from '../../src/api/limits.js';
import { listTapBindings, TapmapError } from '../../src/client/index.js';
import { connectionsMax } from '../../src/server/connections-max.js';
import { DroppedConnections } from '../../src/server/dropped-connections.js';
import { listenAll } from '../../src/server/listeners.js';
import { until } from '../stage/until.js';

const OWNER = { mode: 0o660, uid: null, gid: null };

describe('connections at once', () => {
  it('are enough for a client of its own to each watcher and each list', () => {
    const { watchers, lists } = DEFAULT_LIMITS;
    const { perAddress, wanted } = connectionsMax(DEFAULT_LIMITS, 2, 65_536);
    assert.equal(perAddress, wanted);
    assert.ok(wanted > watchers + lists);
    const more = connectionsMax({ watchers: 20_000, lists }, 1, 65_536);
    assert.equal(more.wanted - wanted, 20_000 - watchers);
  });

  it('are no more than there may be open files, shared evenly by the addresses', () => {
    const one = connectionsMax(DEFAULT_LIMITS, 1, 4096);
    assert.ok(one.perAddress < 4096 && one.perAddress > 3500, `${one.perAddress}`);
    for (const addresses of [2, 32]) {
      const { perAddress } = connectionsMax(DEFAULT_LIMITS, addresses, 4096);
      assert.equal(perAddress, Math.floor(one.perAddress / addresses));
    }
    assert.equal(connectionsMax(DEFAULT_LIMITS, 32, 64).perAddress, 1);
    assert.equal(connectionsMax(DEFAULT_LIMITS, 32, Infinity).perAddress, one.wanted);
  });

  it('go by the limit of this process', () => {
    const { openFiles } = connectionsMax(DEFAULT_LIMITS, 1);
    const told = process.report.getReport() as {
      readonly userLimits: { readonly open_files: { readonly soft: number | 'unlimited' } };
    };
    const { soft } = told.userLimits.open_files;
    assert.equal(openFiles, soft === 'unlimited' ? Infinity : soft);
  });

  const kinds: readonly ((directory: string) => Address)[] = [
    (directory) => ({ kind: 'unix', path: join(directory, 's.sock') }),
    () => ({ kind: 'tcp', host: '127.0.0.1', port: 0 }),
  ];
  for (const addressIn of kinds) {
    const { kind } = addressIn('');
    it(`of a ${kind} address: one too many is closed and told of, until another has gone`, async (t) => {
      const directory = mkdtempSync(join(tmpdir(), 'tapmap-connections-'));
      const [listener] = await listenAll([addressIn(directory)], {
        owner: OWNER,
        speaksTls: false,
        connectionsMax: 2,
      });
      assert.ok(listener !== undefined);
      const accepted: Socket[] = [];
      const clients: Socket[] = [];
      t.after(() => {
        for (const socket of [...accepted, ...clients]) socket.destroy();
        listener.withdraw();
        rmSync(directory, { recursive: true });
      });
      let dropped = 0;
      listener.onDrop(() => dropped++);
      listener.open((connection) => {
        connection.on('error', () => undefined);
        // So that its end is seen.
        connection.resume();
        accepted.push(connection);
      });
      const { address } = listener;
      const connect = (): Socket => {
        const client =
          address.kind === 'unix'
            ? createConnection(address.path)
            : createConnection(address.port, address.host);
        clients.push(client.on('error', () => undefined).resume());
        return client;
      };
      const [first] = [connect(), connect()];
      await until('both are accepted', () => accepted.length === 2);
      await once(connect(), 'close');
      assert.equal(dropped, 1);

      const url =
        address.kind === 'unix' ? `unix://${address.path}` : `tcp://127.0.0.1:${address.port}`;
      const error = await listTapBindings({ address: url, timeout: 2000 }).catch(
        (reason: unknown) => reason,
      );
      assert.ok(error instanceof TapmapError);
      assert.equal(error.code, 'UNAVAILABLE');
      assert.match(error.details, /is it full/);

      first.destroy();
      await until('another is accepted', async () => {
        if (accepted.length === 2) await once(connect(), 'connect');
        return accepted.length > 2;
      });
    });
  }

  it('that were closed are each counted, and told of once a minute with their number', () => {
    const lines: { readonly address: string; readonly dropped: number }[] = [];
    const log = pino({}, { write: (line: string) => lines.push(JSON.parse(line) as never) });
    let counted = 0;
    const dropped = new DroppedConnections('unix:///run/s', log, () => counted++);
    for (let second = 0; second <= 120; second++) dropped.add(second * 1000);
    assert.equal(counted, 121);
    assert.deepEqual(
      lines.map(({ address, dropped: number }) => [address, number]),
      [
        ['unix:///run/s', 1],
        ['unix:///run/s', 60],
        ['unix:///run/s', 60],
      ],
    );
  });
});
