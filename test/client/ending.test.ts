import assert from 'node:assert/strict';
import { fork, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { connect } from 'node:net';
import { describe, it, type TestContext } from 'node:test';
import { fileURLToPath } from 'node:url';
import { watchTapBindings } from '../../src/client/index.js';
import { serve } from '../api/server.js';
import { binding, observed } from '../store/observations.js';
import { until } from '../stage/until.js';
import { next } from './events.js';
import { Line } from './line.js';

const PROGRAM = fileURLToPath(new URL('ending-main.ts', import.meta.url));

/** Runs a program that watches; `meanwhile`: what happens before it ends the watch. */
async function ends(
  t: TestContext,
  address: string,
  way: string,
  meanwhile: () => void | Promise<void> = () => undefined,
): Promise<void> {
  const program = fork(PROGRAM, [address, way], { execArgv: ['--import', 'tsx'] });
  t.after(() => program.kill('SIGKILL'));
  const words: unknown[] = [];
  program.on('message', (word) => words.push(word));
  const exit = once(program, 'exit');
  await until('it watches', () => words.length === 1, 30_000);
  await meanwhile();
  program.send('go on');
  await until('it has ended the watch', () => words.length === 2);
  assert.equal(words[1], 'nothing is left');
  // By itself: nothing keeps it.
  assert.deepEqual(await exit, [0, null]);
}

/** To a server with one device. */
async function lineToServer(t: TestContext): Promise<Line> {
  const server = await serve(t);
  server.store.apply(observed(1_000, [binding(1)]));
  return Line.to(t, server.address);
}

/** Where nobody takes connections: those that are waiting already are as many as may. */
async function fullPort(t: TestContext): Promise<number> {
  const listening = `net.createServer().listen({ host: '127.0.0.1', port: 0, backlog: 1 },
    function () { console.log(this.address().port); })`;
  const stdio = ['ignore', 'pipe', 'inherit'] as const;
  const listener = spawn(process.execPath, ['-e', listening], { stdio: [...stdio] });
  t.after(() => listener.kill('SIGKILL'));
  const [line] = (await once(listener.stdout, 'data')) as [Buffer];
  const port = Number(line.toString());
  listener.kill('SIGSTOP');
  for (let count = 0; count < 4; count++) {
    const waiting = connect(port, '127.0.0.1').on('error', () => undefined);
    t.after(() => waiting.destroy());
  }
  await until('its queue is full', () => unanswered(port) > 0);
  return port;
}

/** How many connections to the port are being made (SYN_SENT, see tcp(7) and proc(5)). */
function unanswered(port: number): number {
  const to = `:${port.toString(16).toUpperCase().padStart(4, '0')}`;
  return readFileSync('/proc/net/tcp', 'utf8')
    .split('\n')
    .map((row) => row.trim().split(/\s+/))
    .filter(([, , remote = '', state]) => remote.endsWith(to) && state === '02').length;
}

describe('a watch that is ended leaves no timer and no socket', () => {
  for (const way of ['abort', 'return', 'break', 'await using', 'abort at first']) {
    it(way, async (t) => {
      const line = await lineToServer(t);
      await ends(t, line.address, way);
    });
  }

  it('also while it waits for a server to come back', async (t) => {
    const line = await lineToServer(t);
    await ends(t, line.address, 'abort between two tries', () => {
      line.leadTo(null);
      line.cut();
    });
  });

  for (const way of ['abort', 'return', 'await using']) {
    it(`also when the server is stopped and answers nothing (${way})`, async (t) => {
      const line = await lineToServer(t);
      await ends(t, line.address, way, () => {
        line.freeze();
      });
    });
  }

  it('also when the server has never answered', async (t) => {
    const line = await lineToServer(t);
    line.freeze();
    await ends(t, line.address, 'return before an answer', async () => {
      await until('it has connected', () => line.isOpen);
    });
  });

  it('also when not even a connection has come about', async (t) => {
    const port = await fullPort(t);
    const others = unanswered(port);
    await ends(t, `tcp://127.0.0.1:${port}`, 'return before an answer', async () => {
      await until('it connects', () => unanswered(port) > others);
    });
  });
});

describe('a watch', () => {
  it('that nobody iterates has no connection', async (t) => {
    const line = await Line.to(t, null);
    const watch = watchTapBindings({ address: line.address });
    await watch.return();
    assert.equal((await watch.next()).done, true);
    assert.equal(line.connections, 0);
  });

  it('takes its listener from the signal when it ends', async (t) => {
    const server = await serve(t);
    server.store.apply(observed(1_000, []));
    const { signal } = new AbortController();
    const added = t.mock.method(signal, 'addEventListener');
    const removed = t.mock.method(signal, 'removeEventListener');
    const watch = watchTapBindings({ address: server.address, signal });
    await next(watch, 'snapshot');
    await watch.return();
    assert.ok(added.mock.callCount() > 0);
    assert.equal(removed.mock.callCount(), added.mock.callCount());
  });
});
