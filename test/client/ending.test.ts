import assert from 'node:assert/strict';
import { fork } from 'node:child_process';
import { once } from 'node:events';
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
  way: string,
  {
    atFirst,
    meanwhile,
  }: { atFirst?: (line: Line) => void; meanwhile?: (line: Line) => void | Promise<void> } = {},
): Promise<void> {
  const server = await serve(t);
  server.store.apply(observed(1_000, [binding(1)]));
  const line = await Line.to(t, server.address);
  atFirst?.(line);
  const program = fork(PROGRAM, [line.address, way], { execArgv: ['--import', 'tsx'] });
  t.after(() => program.kill('SIGKILL'));
  const words: unknown[] = [];
  program.on('message', (word) => words.push(word));
  const exit = once(program, 'exit');
  await until('it watches', () => words.length === 1, 30_000);
  await meanwhile?.(line);
  program.send('go on');
  await until('it has ended the watch', () => words.length === 2);
  assert.equal(words[1], 'nothing is left');
  // By itself: nothing keeps it.
  assert.deepEqual(await exit, [0, null]);
  await until('the connection is closed', () => !line.isOpen || line.isFrozen);
}

describe('a watch that is ended leaves no timer and no socket', () => {
  for (const way of ['abort', 'return', 'break', 'await using', 'abort at first']) {
    it(way, async (t) => {
      await ends(t, way);
    });
  }

  it('also while it waits for a server to come back', async (t) => {
    await ends(t, 'abort between two tries', {
      meanwhile: (line) => {
        line.leadTo(null);
        line.cut();
      },
    });
  });

  for (const way of ['abort', 'return', 'await using']) {
    it(`also when the server is stopped and answers nothing (${way})`, async (t) => {
      await ends(t, way, {
        meanwhile: (line) => {
          line.freeze();
        },
      });
    });
  }

  it('also when the server has never answered', async (t) => {
    await ends(t, 'return before an answer', {
      atFirst: (line) => {
        line.freeze();
      },
      meanwhile: async (line) => {
        await until('it has connected', () => line.isOpen);
      },
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
