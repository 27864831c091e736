import assert from 'node:assert/strict';
import { after, describe, it } from 'node:test';
import {
  ChangeType,
  SnapshotReason,
  WatchTapBindingsRequest,
  type TapBindingServiceClient,
} from '../../src/gen/tapmap/v1/tap_binding_service.js';
import { WatchStream } from '../api/watch-stream.js';
import { watchForLeaks } from '../stage/leaks.js';
import { until } from '../stage/until.js';
import { connect, list } from './client.js';
import { isAlive, Serve } from './serve.js';

const PATIENCE = 30_000;

function watch(client: TapBindingServiceClient, before?: WatchStream): WatchStream {
  const resumeToken = before?.lastToken ?? '';
  const request = WatchTapBindingsRequest.fromPartial({ resumeToken });
  const stream = new WatchStream(client.watchTapBindings(request));
  for (const [name, known] of before?.replay.bindings ?? []) {
    stream.replay.bindings.set(name, known);
  }
  return stream;
}

function devicesOf({ replay }: WatchStream): string[] {
  return [...replay.bindings.values()].map(({ device }) => device?.name ?? '').sort();
}

async function settled(stream: WatchStream, devices: readonly string[]): Promise<void> {
  await stream.until(`${devices.join(' ')}, live`, () => {
    const isLive = stream.replay.coverage?.stale === undefined;
    return (
      stream.replay.revision > 0 &&
      isLive &&
      JSON.stringify(devicesOf(stream)) === JSON.stringify(devices)
    );
  });
}

/** What the stream told of devices, as `+` come, `-` gone, in its order. */
function told(stream: WatchStream): string[] {
  const signs = { [ChangeType.CHANGE_TYPE_ADDED]: '+', [ChangeType.CHANGE_TYPE_REMOVED]: '-' };
  return stream.changes.map(({ type, binding }) => {
    return `${signs[type as keyof typeof signs]}${binding?.device?.name ?? ''}`;
  });
}

describe('a client that comes back with its token', () => {
  const checkLeaks = watchForLeaks();
  after(checkLeaks);

  it('gets what it missed, in the epoch that it knows', async () => {
    await using serve = new Serve({ devices: ['tap0'] });
    await serve.serving();
    const client = connect(`unix://${serve.socket}`);
    const first = watch(client);
    await settled(first, ['tap0']);
    await first.cancel();
    serve.tell({ devices: ['tap0', 'tap1'] });
    assert.deepEqual((await list(client, true)).devices, ['tap0', 'tap1']);
    serve.tell({ devices: ['tap1'] });
    assert.deepEqual((await list(client, true)).devices, ['tap1']);

    const second = watch(client, first);
    await settled(second, ['tap1']);
    assert.deepEqual(told(second), ['+tap1', '-tap0']);
    assert.equal(second.cases[0], 'progress');
    assert.equal(second.events('snapshotBegin').length, 0);
    assert.equal(second.messages.at(-1)?.epoch, first.messages[0]?.epoch);
    await second.cancel();
    client.close();
  });

  it('and finds another probe gets only what differs, in the same epoch', async () => {
    await using serve = new Serve({ devices: ['tap0', 'tap1'] });
    await serve.serving();
    const client = connect(`unix://${serve.socket}`);
    const first = watch(client);
    await settled(first, ['tap0', 'tap1']);
    await first.cancel();
    const probe = await serve.running('probe');
    process.kill(probe, 'SIGKILL');
    await until('it is dead', () => !isAlive(probe));
    serve.tell({ devices: ['tap1', 'tap2'] });
    await serve.other('probe', probe);

    const second = watch(client, first);
    await settled(second, ['tap1', 'tap2']);
    assert.deepEqual(told(second).sort(), ['+tap2', '-tap0']);
    assert.equal(second.events('snapshotBegin').length, 0);
    assert.equal(second.messages.at(-1)?.epoch, first.messages[0]?.epoch);
    await second.cancel();
    client.close();
  });

  it('while there is no probe is told that the view is stale, and then that it is not', async () => {
    await using serve = new Serve({ devices: ['tap0'] });
    await serve.serving();
    const client = connect(`unix://${serve.socket}`);
    const first = watch(client);
    await settled(first, ['tap0']);
    await first.cancel();
    // The next ones say nothing, so that it lasts.
    serve.tell({ mode: 'silent' });
    process.kill(await serve.running('probe'), 'SIGKILL');
    const second = watch(client, first);
    await second.until('stale', () => second.replay.coverage?.stale !== undefined);
    assert.deepEqual(devicesOf(second), ['tap0']);
    serve.tell({ mode: 'normal', devices: ['tap0', 'tap3'] });
    process.kill(await serve.running('probe'), 'SIGKILL');
    await settled(second, ['tap0', 'tap3']);
    assert.deepEqual(told(second), ['+tap3']);
    assert.equal(second.events('snapshotBegin').length, 0);
    await second.cancel();
    client.close();
  });

  it('and finds another server gets a snapshot that says so, and drops what is gone', async () => {
    await using serve = new Serve({ devices: ['tap0', 'tap1'] });
    await serve.serving();
    const client = connect(`unix://${serve.socket}`);
    const first = watch(client);
    await settled(first, ['tap0', 'tap1']);
    const server = await serve.running('server');
    process.kill(server, 'SIGKILL');
    assert.equal((await first.status).code, 14);
    serve.tell({ devices: ['tap1', 'tap2'] });
    await serve.other('server', server);
    await until('it answers', () => list(client).catch(() => undefined), PATIENCE);

    const second = watch(client, first);
    await settled(second, ['tap1', 'tap2']);
    assert.equal(second.cases[0], 'snapshotBegin');
    assert.deepEqual(
      second.events('snapshotBegin').map(({ reason }) => reason),
      [SnapshotReason.SNAPSHOT_REASON_EPOCH_CHANGED],
    );
    assert.notEqual(second.messages[0]?.epoch, first.messages[0]?.epoch);
    await second.cancel();
    client.close();
  });
});

describe('a client that never reads', () => {
  const checkLeaks = watchForLeaks();
  after(checkLeaks);

  it('loses its connection, and the server what waited for it', async () => {
    // More than a socket and a client take in without being asked.
    const devices = Array.from({ length: 4000 }, (_, i) => `tap${i}`);
    await using serve = new Serve({
      devices,
      stallLimit: 300,
      flags: () => ({ 'max-watchers': 1 }),
    });
    await serve.serving();
    const [client, other] = [connect(`unix://${serve.socket}`), connect(`unix://${serve.socket}`)];
    const stuck = watch(client);
    await stuck.messageCount(1);
    stuck.pause();
    await until('it is given up', () => serve.stderr.includes('a client that does not read'));
    const next = watch(other);
    await next.reached(1);
    stuck.resume();
    assert.equal((await stuck.status).code, 14);
    assert.equal((await watch(client).status).code, 8);
    await next.cancel();
    client.close();
    other.close();
  });
});
