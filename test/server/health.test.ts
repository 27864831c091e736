import assert from 'node:assert/strict';
import { describe, test, type TestContext } from 'node:test';
import { status as Code, type StatusObject } from '@grpc/grpc-js';
import { HealthImplementation } from 'grpc-health-check';
import { errorDetails } from '../api/error-details.js';
import { until } from '../stage/until.js';
import { serveGrpc } from './grpc-server.js';

const SERVICE = 'tapmap.v1.TapBindingService';
/** About what a request may have. */
const LARGE = 'x'.repeat(60_000);

function assertTooMany(refused: StatusObject): void {
  assert.equal(refused.code, Code.RESOURCE_EXHAUSTED);
  const { reason, retryAfter } = errorDetails(refused);
  assert.deepEqual([reason, retryAfter], ['TOO_MANY_STREAMS', 10_000]);
}

/** The names that grpc-health-check of the next server holds. */
function namesHeld(t: TestContext): () => readonly string[] {
  const { mock } = t.mock.method(HealthImplementation.prototype, 'addToServer');
  return () => {
    const library = mock.calls[0]?.this as HealthImplementation;
    return [...(Reflect.get(library, 'watchers') as ReadonlyMap<string, unknown>).keys()];
  };
}

describe('health', () => {
  test('is told of the server and of the service, and watchers hear of each change', async (t) => {
    const server = await serveGrpc(t);
    const watches = ['', SERVICE].map((name) => server.watch(name));
    for (const { said } of watches) {
      await until('it is told', () => said.length === 1);
    }
    server.grpc.setServing(true);
    for (const { said } of watches) {
      await until('the change is told', () => said.length === 2);
      assert.deepEqual(said, [{ status: 'NOT_SERVING' }, { status: 'SERVING' }]);
    }
    for (const name of ['', SERVICE]) {
      assert.deepEqual(await server.check(name), { status: 'SERVING' });
    }
    await Promise.all(watches.map((watch) => watch.cancel()));
  });

  test('of another name is NOT_FOUND, however long the name is', async (t) => {
    const server = await serveGrpc(t);
    for (const name of ['other', 'constructor', LARGE]) {
      const { code } = (await server.check(name)) as StatusObject;
      assert.equal(code, Code.NOT_FOUND);
    }
  });

  test('of another name is SERVICE_UNKNOWN to a watcher, whose stream goes on', async (t) => {
    const server = await serveGrpc(t);
    const watch = server.watch('other');
    await until('it is told', () => watch.said.length === 1);
    server.grpc.setServing(true);
    assert.deepEqual(await server.check(''), { status: 'SERVING' });
    assert.deepEqual(watch.said, [{ status: 'SERVICE_UNKNOWN' }]);
    await watch.cancel();
    assert.equal((await watch.status).code, Code.CANCELLED);
  });

  test('of a name as large as a request is INVALID_ARGUMENT to a watcher', async (t) => {
    const server = await serveGrpc(t);
    const refused = await server.watch(LARGE).status;
    assert.equal(refused.code, Code.INVALID_ARGUMENT);
    assert.deepEqual(errorDetails(refused).fields, ['service']);
  });

  test('holds no name that a client has made up', async (t) => {
    const held = namesHeld(t);
    const server = await serveGrpc(t);
    const watches = ['a', 'b', 'constructor', '', SERVICE].map((name) => server.watch(name));
    for (const { said } of watches) await until('it is told', () => said.length === 1);
    assert.deepEqual(held(), ['', SERVICE]);
    await Promise.all(watches.map((watch) => watch.cancel()));
    assert.deepEqual(held(), ['', SERVICE]);
  });

  test('has as many watchers as allowed, of whatever name, until one of them leaves', async (t) => {
    const server = await serveGrpc(t, { healthWatchers: 2 });
    const watches = [server.watch(SERVICE), server.watch('other')];
    for (const { said } of watches) await until('it is told', () => said.length === 1);
    for (const name of [SERVICE, 'other']) assertTooMany(await server.watch(name).status);
    assert.deepEqual(await server.check(SERVICE), { status: 'NOT_SERVING' });
    for (const watch of watches) {
      await watch.cancel();
      await until('another is let in', async () => {
        const next = server.watch(SERVICE);
        await Promise.race([next.status, until('it is told', () => next.said.length === 1)]);
        await next.cancel();
        return next.said.length === 1;
      });
    }
  });
});

describe('reflection', () => {
  /** ServerReflectionRequest with `list_services` of any. */
  const REQUEST = Buffer.from([0x3a, 1, 0x2a]);

  test('has as many clients as allowed, until one of them ends', async (t) => {
    const server = await serveGrpc(t, { reflections: 1 });
    const first = server.reflect();
    first.call.write(REQUEST);
    await until('it is answered', () => first.said.length === 1);
    assertTooMany(await server.reflect().status);
    first.call.end();
    assert.equal((await first.status).code, Code.OK);
    const next = server.reflect();
    next.call.end(REQUEST);
    assert.equal((await next.status).code, Code.OK);
    assert.equal(next.said.length, 1);
  });
});
