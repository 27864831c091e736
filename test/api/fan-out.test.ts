import assert from 'node:assert/strict';
import { test } from 'node:test';
import { FanOut } from '../../src/api/fan-out.js';
import { until } from '../stage/until.js';

test('the first request is served at once, and so are those of others in the same turn', () => {
  const fanOut = new FanOut();
  const served: string[] = [];
  fanOut.request(() => served.push('one'));
  fanOut.request(() => served.push('other'));
  assert.deepEqual(served, ['one', 'other']);
});

test('what is requested again in one turn is served once more, in the next', async () => {
  const fanOut = new FanOut();
  let served = 0;
  const pump = () => {
    served++;
  };
  for (let i = 0; i < 10; i++) fanOut.request(pump);
  assert.equal(served, 1);
  await until('the next turn', () => served > 1);
  await new Promise((resolve) => setTimeout(resolve, 20));
  assert.equal(served, 2);
});

test('after a turn that took long there is a rest, in which requests wait', async () => {
  const fanOut = new FanOut();
  const long = () => {
    const end = performance.now() + 50;
    while (performance.now() < end) continue;
  };
  fanOut.request(long);
  await new Promise(setImmediate);
  let served = 0;
  fanOut.request(() => {
    served++;
  });
  assert.equal(served, 0);
  await until('the rest is over', () => served === 1);
});

test('who has ended is not served any more', async () => {
  const fanOut = new FanOut();
  let served = 0;
  let others = 0;
  const pump = () => {
    served++;
  };
  fanOut.request(pump);
  fanOut.request(pump);
  fanOut.cancel(pump);
  fanOut.request(() => others++);
  await new Promise((resolve) => setTimeout(resolve, 20));
  assert.deepEqual([served, others], [1, 1]);
});
