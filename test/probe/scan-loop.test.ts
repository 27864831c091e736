import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ScanLoop } from '../../src/probe/scan-loop.js';

/** Longer than any test may take: a scan that comes by itself would be a test that hangs. */
const NEVER = 2 ** 31 - 1;

/** A loop whose every scan waits to be ended. */
class Scans {
  readonly loop: ScanLoop;
  readonly end: Promise<unknown>;
  #began: ((scan: Scan) => void)[] = [];
  readonly #waiting: Scan[] = [];

  constructor(interval: number) {
    this.loop = new ScanLoop(interval, (answers) => this.#scan(answers));
    this.end = this.loop.run().catch((error: unknown) => error);
  }

  #scan(answers: readonly number[]): Promise<void> {
    return new Promise((done, fail) => {
      const scan = { answers: [...answers], done, fail };
      const began = this.#began.shift();
      if (began === undefined) this.#waiting.push(scan);
      else began(scan);
    });
  }

  /** The next scan that has begun. */
  next(): Promise<Scan> {
    const waiting = this.#waiting.shift();
    if (waiting !== undefined) return Promise.resolve(waiting);
    return new Promise((resolve) => this.#began.push(resolve));
  }
}

interface Scan {
  readonly answers: number[];
  readonly done: () => void;
  readonly fail: (error: Error) => void;
}

/** Ends the loop, as only an error can, so that the test leaves no timer behind. */
async function stop(scans: Scans): Promise<void> {
  scans.loop.ask(99);
  const { fail } = await scans.next();
  fail(new Error('over'));
  assert.match(String(await scans.end), /over/);
}

test('the first scan begins at once, and answers nobody', { timeout: 10_000 }, async () => {
  const scans = new Scans(NEVER);
  const { answers, done } = await scans.next();
  assert.deepEqual(answers, []);
  done();
  await stop(scans);
});

test(
  'what is asked while the loop rests begins a scan at once, which answers it',
  { timeout: 10_000 },
  async () => {
    const scans = new Scans(NEVER);
    const first = await scans.next();
    first.done();
    // The loop rests by the next turn of the event loop.
    await new Promise(setImmediate);
    scans.loop.ask(7);
    const second = await scans.next();
    assert.deepEqual(second.answers, [7]);
    second.done();
    await stop(scans);
  },
);

test(
  'what is asked during a scan is answered by the next one, which follows at once',
  { timeout: 10_000 },
  async () => {
    const scans = new Scans(NEVER);
    const first = await scans.next();
    scans.loop.ask(1);
    scans.loop.ask(2);
    first.done();
    const second = await scans.next();
    assert.deepEqual(first.answers, []);
    assert.deepEqual(second.answers, [1, 2]);
    scans.loop.ask(3);
    second.done();
    const third = await scans.next();
    assert.deepEqual(third.answers, [3]);
    third.done();
    await stop(scans);
  },
);

test(
  'what was asked before it runs is answered by the first scan',
  { timeout: 10_000 },
  async () => {
    const answered: number[] = [];
    const loop = new ScanLoop(NEVER, (answers) => {
      answered.push(...answers);
      return Promise.reject(new Error('over'));
    });
    loop.ask(5);
    await assert.rejects(loop.run(), /over/);
    assert.deepEqual(answered, [5]);
  },
);

test(
  'scans come by themselves, an interval apart, with nobody asking',
  { timeout: 10_000 },
  async () => {
    const scans = new Scans(1);
    for (let scan = 1; scan <= 3; scan++) {
      const { answers, done } = await scans.next();
      assert.deepEqual(answers, []);
      done();
    }
    const { fail } = await scans.next();
    fail(new Error('over'));
    assert.match(String(await scans.end), /over/);
  },
);

test('a scan that fails ends the loop with its error', { timeout: 10_000 }, async () => {
  const failure = new Error('no /proc');
  const loop = new ScanLoop(1, () => Promise.reject(failure));
  await assert.rejects(loop.run(), failure);
});
