import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Scope } from '../../src/inspect/scope.js';
import { LookLoop, type Outcome, type Reconciling } from '../../src/live/look-loop.js';
import { until } from '../stage/until.js';

/** A minute apart: a scan that comes by itself would be a test that hangs. */
const SELDOM = { share: 1e-9, isTold: () => true };
/** As often as scans come. */
const OFTEN = { share: 1, isTold: () => true };

/** A loop whose every scan waits to be ended. */
class Scans {
  readonly loop: LookLoop;
  readonly end: Promise<unknown>;
  #began: ((scan: Scan) => void)[] = [];
  readonly #waiting: Scan[] = [];

  readonly parts: Scope[] = [];
  /** What looks at parts come to, in their order; after those, what `outcomeOf` says. */
  readonly outcomes: Outcome[] = [];
  outcomeOf: (scope: Scope) => Outcome = () => 'settled';

  constructor(reconciling: Reconciling) {
    this.loop = new LookLoop(reconciling, {
      scan: (answers) => this.#scan(answers),
      part: (scope) => {
        this.parts.push(scope);
        return Promise.resolve(this.outcomes.shift() ?? this.outcomeOf(scope));
      },
    });
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
  const scans = new Scans(SELDOM);
  const { answers, done } = await scans.next();
  assert.deepEqual(answers, []);
  done();
  await stop(scans);
});

test(
  'what is asked while the loop rests begins a scan at once, which answers it',
  { timeout: 10_000 },
  async () => {
    const scans = new Scans(SELDOM);
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
    const scans = new Scans(SELDOM);
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
    const loop = new LookLoop(SELDOM, {
      scan: (answers) => {
        answered.push(...answers);
        return Promise.reject(new Error('over'));
      },
      part: () => Promise.resolve('settled'),
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
    const scans = new Scans(OFTEN);
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
  const loop = new LookLoop(SELDOM, {
    scan: () => Promise.reject(failure),
    part: () => Promise.resolve('settled'),
  });
  await assert.rejects(loop.run(), failure);
});

test('what may have changed is looked at, and nothing else', { timeout: 10_000 }, async () => {
  const scans = new Scans(SELDOM);
  (await scans.next()).done();
  scans.loop.process(7);
  scans.loop.link(4026531840, 3);
  scans.loop.link(4026531840, 4);
  await until('the part was looked at', () => scans.parts.length > 0);
  await stop(scans);
  assert.deepEqual(
    scans.parts.map(({ pids, links }) => [
      [...pids],
      [...links].map(([inode, ids]) => [inode, [...ids]]),
    ]),
    [[[7], [[4026531840, [3, 4]]]]],
  );
});

test('what is told during a scan is looked at after it', { timeout: 10_000 }, async () => {
  const scans = new Scans(SELDOM);
  const first = await scans.next();
  scans.loop.process(7);
  await new Promise(setImmediate);
  assert.equal(scans.parts.length, 0);
  first.done();
  await until('the part was looked at', () => scans.parts.length > 0);
  assert.deepEqual([...scans.parts[0]!.pids], [7]);
  await stop(scans);
});

test(
  'a process that opened a node is looked at for a while, as nothing tells that it attaches',
  { timeout: 10_000 },
  async () => {
    const scans = new Scans(SELDOM);
    (await scans.next()).done();
    scans.loop.opened(7);
    await until('it was looked at again and again', () => scans.parts.length >= 5);
    assert.ok(scans.parts.every(({ pids }) => pids.size === 1 && pids.has(7)));
    await stop(scans);
  },
);

test('a part that is not settled is looked at again', { timeout: 10_000 }, async () => {
  const scans = new Scans(SELDOM);
  scans.outcomes.push('unsettled', 'unsettled');
  (await scans.next()).done();
  scans.loop.process(7);
  await until('it was settled', () => scans.parts.length === 3);
  await stop(scans);
});

test('a part that never settles takes a scan, and so does one that cannot be told', async () => {
  for (const outcome of ['unsettled', 'scan'] as const) {
    const scans = new Scans(SELDOM);
    scans.outcomes.push(...Array<Outcome>(20).fill(outcome));
    (await scans.next()).done();
    scans.loop.process(7);
    const { answers, done } = await scans.next();
    assert.deepEqual(answers, []);
    done();
    await stop(scans);
  }
});

test('when something was missed, everything is looked at', { timeout: 10_000 }, async () => {
  const scans = new Scans(SELDOM);
  (await scans.next()).done();
  scans.loop.everything();
  (await scans.next()).done();
  assert.equal(scans.parts.length, 0);
  await stop(scans);
});

test('more parts than a scan would cost are a scan', { timeout: 10_000 }, async () => {
  const scans = new Scans(SELDOM);
  (await scans.next()).done();
  for (let pid = 1; pid <= 1000; pid++) scans.loop.process(pid);
  (await scans.next()).done();
  assert.equal(scans.parts.length, 0);
  await stop(scans);
});

test(
  'a part that never settles takes a scan although others settle meanwhile',
  { timeout: 10_000 },
  async () => {
    const scans = new Scans(SELDOM);
    scans.outcomeOf = ({ pids }) => (pids.has(7) ? 'unsettled' : 'settled');
    (await scans.next()).done();
    scans.loop.process(7);
    const others = setInterval(() => {
      scans.loop.process(8);
    }, 1);
    const { done } = await scans.next();
    clearInterval(others);
    done();
    await stop(scans);
  },
);

test(
  'after events were lost scans come often for a while, as what follows from those is not told',
  { timeout: 10_000 },
  async () => {
    const scans = new Scans(SELDOM);
    (await scans.next()).done();
    scans.loop.lost();
    (await scans.next()).done();
    // Not asked for, and with SELDOM it would not come before the time is up.
    (await scans.next()).done();
    await stop(scans);
  },
);

test('the interval follows from what a scan costs, between a second and a minute', () => {
  const none = { scan: () => Promise.resolve(), part: () => Promise.resolve('settled' as const) };
  const after = (took: number, share: number, isTold: boolean) =>
    new LookLoop({ share, isTold: () => isTold }, none).intervalAfter(took);
  assert.equal(after(100, 0.01, true), 10_000);
  assert.equal(after(1, 0.01, true), 1000);
  assert.equal(after(10_000, 0.01, true), 60_000);
  // Ten times as much, where something is not told.
  assert.equal(after(500, 0.01, false), 5000);
  assert.equal(after(100, 0.01, false), 1000);
  assert.equal(after(3000, 0.5, false), 3000);
});
