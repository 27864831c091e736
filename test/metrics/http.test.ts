import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createConnection, createServer, type Socket } from 'node:net';
import { text } from 'node:stream/consumers';
import { test, type TestContext } from 'node:test';
import { MetricsHttp, type MetricsHttpLimits } from '../../src/metrics/http.js';
import { Metrics } from '../../src/metrics/metrics.js';
import { BindingStore } from '../../src/store/binding-store.js';
import { until } from '../stage/until.js';
import { ask } from './page.js';

const PATIENT = 60_000;
let sockets = 0;

/** Where one answers until the test ends. */
async function serve(t: TestContext, limits?: MetricsHttpLimits) {
  const metrics = new Metrics(new BindingStore(), '1.2.3');
  const failures: unknown[] = [];
  const http = new MetricsHttp(metrics, {
    failed: (error) => failures.push(error),
    ...(limits && { limits }),
  });
  const socketPath = `\0tapmap-test-metrics-${process.pid}-${sockets++}`;
  const server = createServer({ pauseOnConnect: true }, (connection) => {
    http.accept(connection);
  });
  await once(server.listen(socketPath), 'listening');
  t.after(() => {
    http.close();
    server.close();
  });
  const connect = async (): Promise<Socket> => {
    const connection = createConnection(socketPath);
    t.after(() => connection.destroy());
    await once(connection, 'connect');
    return connection.on('error', () => undefined);
  };
  return { metrics, failures, socketPath, connect };
}

test('GET /metrics is answered in the format that Prometheus reads', async (t) => {
  const { socketPath } = await serve(t);
  const { status, headers, body } = await ask({ socketPath });
  assert.equal(status, 200);
  assert.equal(headers['content-type'], 'text/plain; version=0.0.4; charset=utf-8');
  assert.match(body, /^tapmap_build_info\{version="1\.2\.3"\} 1$/m);
  assert.equal((await ask({ socketPath, path: '/metrics?debug=1' })).status, 200);
});

test('HEAD has the headers of GET, and no body', async (t) => {
  const { socketPath } = await serve(t);
  const { status, headers, body } = await ask({ socketPath, method: 'HEAD' });
  assert.equal(status, 200);
  assert.ok(Number(headers['content-length']) > 1000);
  assert.equal(body, '');
});

test('anything else is not there, and that is said in one line', async (t) => {
  const { socketPath } = await serve(t);
  for (const other of [
    { path: '/' },
    { path: '/metrics/' },
    { path: '/metrics/../metrics' },
    { path: '//metrics' },
    { method: 'POST' },
    { method: 'DELETE' },
  ]) {
    const { status, body } = await ask({ socketPath, ...other });
    assert.equal(status, 404, JSON.stringify(other));
    assert.equal(body, 'nothing here but GET /metrics\n');
  }
});

test('before anything was observed, what is not known is left out, and the rest is told', async (t) => {
  const { socketPath } = await serve(t);
  const { body } = await ask({ socketPath });
  assert.match(body, /^tapmap_stale 1$/m);
  assert.match(body, /^tapmap_revisions_total 0$/m);
  assert.doesNotMatch(body, /^tapmap_(?:observation_age|scan_interval|probe_cpu)\S* /m);
});

test('what goes wrong inside is logged, and not told', async (t) => {
  const { socketPath, metrics, failures } = await serve(t);
  t.mock.method(metrics, 'page', () => Promise.reject(new Error('secret')));
  const { status, body } = await ask({ socketPath });
  assert.equal(status, 500);
  assert.doesNotMatch(body, /secret/);
  assert.equal((failures[0] as Error).message, 'secret');
});

test('a connection is for one request, and closed after it', async (t) => {
  const { connect, metrics } = await serve(t);
  const page = t.mock.method(metrics, 'page');
  const connection = await connect();
  // In one packet: all of them are there before the first is answered.
  connection.write('GET /metrics HTTP/1.1\r\nhost: x\r\n\r\n'.repeat(1000));
  const answers = await text(connection);
  assert.equal(answers.match(/^HTTP\/1\.1 200 OK/gm)?.length, 1);
  assert.equal(page.mock.callCount(), 1);
});

test('one that does not finish its request in time is closed', async (t) => {
  const { connect } = await serve(t, { connections: 64, connectionMs: 50 });
  const connection = await connect();
  connection.write('GET /metrics HTTP/1.1\r\nx-');
  assert.doesNotMatch(await text(connection), /200/);
});

test('headers without end are refused', async (t) => {
  const { connect } = await serve(t, { connections: 64, connectionMs: PATIENT });
  const connection = await connect();
  connection.write(`GET /metrics HTTP/1.1\r\nx: ${'x'.repeat(20_000)}`);
  assert.match(await text(connection), /^HTTP\/1\.1 431 /);
});

test('what is no HTTP is refused', async (t) => {
  const { connect } = await serve(t, { connections: 64, connectionMs: PATIENT });
  const connection = await connect();
  connection.write('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n');
  assert.match(await text(connection), /^HTTP\/1\.1 400 /);
});

test('beyond so many connections at once the next is closed, until one of them is', async (t) => {
  const { connect, socketPath } = await serve(t, { connections: 2, connectionMs: PATIENT });
  const [one, two] = [await connect(), await connect()];
  await assert.rejects(ask({ socketPath }));
  one.destroy();
  const answered = () =>
    ask({ socketPath }).then(
      ({ status }) => status === 200,
      () => false,
    );
  await until('the next is answered', answered);
  two.destroy();
});
