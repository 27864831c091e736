import assert from 'node:assert/strict';
import { once } from 'node:events';
import { test, type TestContext } from 'node:test';
import { Server, ServerCredentials, status } from '@grpc/grpc-js';
import { HealthImplementation } from 'grpc-health-check';
import { requestDeadline } from '../../src/server/request-deadline.js';
import { rawCall } from './raw-call.js';

const SERVICE = '/grpc.health.v1.Health';
/** HealthCheckRequest of the empty name: no compression, no bytes. */
const WHOLE = Buffer.alloc(5);

async function serve(t: TestContext, milliseconds: number): Promise<string> {
  const server = new Server({ interceptors: [requestDeadline(milliseconds)] });
  const implementation = new HealthImplementation({ '': 'SERVING' });
  implementation.addToServer(server);
  const port = await new Promise<number>((resolve, reject) => {
    server.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (error, bound) => {
      if (error === null) resolve(bound);
      else reject(error);
    });
  });
  t.after(() => {
    server.forceShutdown();
  });
  return `http://127.0.0.1:${port}`;
}

/** Sends `bytes`, and the end of the request if `whole`. Gives the status of the call. */
async function statusOf(
  t: TestContext,
  address: string,
  bytes: Buffer,
  whole: boolean,
): Promise<{ code: string | undefined; message: string | undefined }> {
  const stream = rawCall(t, address, `${SERVICE}/Check`);
  stream.write(bytes);
  if (whole) stream.end();
  stream.resume();
  const trailers: Record<string, unknown> = {};
  for (const event of ['response', 'trailers']) {
    stream.on(event, (headers: Record<string, unknown>) => Object.assign(trailers, headers));
  }
  await once(stream, 'end');
  return {
    code: status[Number(trailers['grpc-status'])],
    message: trailers['grpc-message'] as string | undefined,
  };
}

test('a call whose request does not come is ended, whatever of it came', async (t) => {
  const address = await serve(t, 100);
  for (const bytes of [Buffer.alloc(0), WHOLE.subarray(0, 3), WHOLE]) {
    const { code, message } = await statusOf(t, address, bytes, false);
    assert.equal(code, 'DEADLINE_EXCEEDED');
    assert.match(message ?? '', /not(?: |%20)all(?: |%20)there/);
  }
});

test('one whose request has come takes as long as it takes', async (t) => {
  const address = await serve(t, 100);
  assert.equal((await statusOf(t, address, WHOLE, true)).code, 'OK');
  const watch = rawCall(t, address, `${SERVICE}/Watch`);
  let ended = false;
  watch.on('end', () => {
    ended = true;
  });
  watch.end(WHOLE);
  await once(watch, 'data');
  // Long after the deadline: this is no measure of time, only a chance to be wrong.
  await new Promise((resolve) => setTimeout(resolve, 300));
  assert.equal(ended, false);
});
