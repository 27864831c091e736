import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { ScanRequests } from '../../src/server/scan-requests.js';

function attached(): { requests: ScanRequests; sent: number[] } {
  const requests = new ScanRequests();
  const sent: number[] = [];
  requests.attach((id) => sent.push(id));
  return { requests, sent };
}

const never = new AbortController().signal;

describe('a request for a fresh scan', () => {
  it('asks for a scan and is done when that one is answered', async () => {
    const { requests, sent } = attached();
    const done = requests.scanNow(never);
    assert.deepEqual(sent, [1]);
    requests.answered([1]);
    await done;
  });

  it('is not done by an observation that does not answer it', async () => {
    const { requests } = attached();
    let isDone = false;
    const done = requests.scanNow(never).then(() => {
      isDone = true;
    });
    requests.answered([]);
    requests.answered([7]);
    await new Promise(setImmediate);
    assert.equal(isDone, false);
    requests.answered([1]);
    await done;
  });

  it('shares the next scan with all who come while one is pending, never the pending one', async () => {
    const { requests, sent } = attached();
    const order: string[] = [];
    const all = ['first', 'second', 'third'].map((name) =>
      requests.scanNow(never).then(() => order.push(name)),
    );
    assert.deepEqual(sent, [1]);
    requests.answered([1]);
    assert.deepEqual(sent, [1, 2]);
    await all[0];
    assert.deepEqual(order, ['first']);
    requests.answered([2]);
    await Promise.all(all);
    assert.deepEqual(sent, [1, 2]);
  });

  it('fails when there is no probe', async () => {
    await assert.rejects(new ScanRequests().scanNow(never), { code: 'SCAN' });
  });

  it('fails when the probe is lost, pending or not yet sent; the next probe can be asked', async () => {
    const { requests, sent } = attached();
    const waiting = Promise.allSettled([requests.scanNow(never), requests.scanNow(never)]);
    requests.detach();
    for (const result of await waiting) {
      assert.equal(result.status, 'rejected');
      assert.deepEqual((result.reason as { code: string }).code, 'SCAN');
    }
    requests.attach((id) => sent.push(id));
    const done = requests.scanNow(never);
    assert.deepEqual(sent, [1, 2]);
    // What the lost probe was asked does not answer the new one.
    requests.answered([1]);
    requests.answered([2]);
    await done;
  });

  it('is left by a client that goes away, and the others go on', async () => {
    const { requests, sent } = attached();
    const impatient = new AbortController();
    const first = requests.scanNow(impatient.signal);
    const second = requests.scanNow(impatient.signal);
    const third = requests.scanNow(never);
    impatient.abort(new Error('gone'));
    await assert.rejects(first, /gone/);
    await assert.rejects(second, /gone/);
    requests.answered([1]);
    requests.answered([2]);
    await third;
    assert.deepEqual(sent, [1, 2]);
    await assert.rejects(requests.scanNow(impatient.signal), /gone/);
    assert.deepEqual(sent, [1, 2]);
  });
});
