// From the system call that changes who holds a device to the change in a client's hands.
import { setTimeout as delay } from 'node:timers/promises';
import { ChangeType } from '../src/gen/tapmap/v1/tap_binding_service.js';
import { Actor } from './actor.js';
import { quantile, type Figure } from './figure.js';
import type { Service } from './service.js';
import type { Effort } from './effort.js';
import { OPENER_IS_WATCHED, PATIENCE, Stopwatch, type Sample, type Samples } from './stopwatch.js';
import { Watcher, type Arrival } from './watcher.js';

const REPETITIONS: Record<Effort, number> = { full: 100, quick: 30, smoke: 2 };
/** Attach, move, rename and last close of a tap that is down; fork, exec and exit of its holder. */
export async function latency(
  service: Service,
  effort: Effort,
  signal: AbortSignal,
  say: (line: string) => void,
): Promise<Figure[]> {
  const watcher = new Watcher(service.target, 'bench-*');
  const actor = new Actor();
  const samples: Samples = new Map();
  const stopwatch = new Stopwatch(actor, watcher, samples, signal);
  const repetitions = REPETITIONS[effort];
  try {
    await watcher.watching();
    say(`epoll_wait alone: ${repetitions} times`);
    const wakes: Sample[] = [];
    for (let i = 0; i < repetitions; i++) {
      await delay(20 + Math.random() * 30, undefined, { signal });
      wakes.push({ arrived: (await actor.act('wake')).value / 1e6, call: 0 });
    }
    say(`attach, rename, move, last close: ${repetitions} times`);
    const made = watcher.arrival('make', ({ name }) => name === 'bench-a', PATIENCE, signal);
    await Promise.all([made, actor.act('make bench-a')]);
    await aboutTheTap(stopwatch, repetitions);
    say(`fork, exec, exit of a holder: ${repetitions} times`);
    await aboutTheHolder(stopwatch, actor, watcher, repetitions, signal);
    return [
      figureOf('epoll_wait wakes up, nothing else', wakes, null, effort),
      ...[...samples].map(([kind, taken]) =>
        figureOf(`${kind} -> client`, taken, targetOf(kind), effort),
      ),
    ];
  } finally {
    await Promise.all([watcher.end(), actor.end()]);
  }
}

async function aboutTheTap(stopwatch: Stopwatch, repetitions: number): Promise<void> {
  let [name, other] = ['bench-a', 'bench-b'];
  for (let i = 0; i < repetitions; i++) {
    await stopwatch.time('attach', `attach ${name}`, ({ holders }) => holders.length === 1);
    await stopwatch.time('rename', `rename ${name} ${other}`, (arrival) => arrival.name === other);
    [name, other] = [other, name];
    const isThere = ({ type }: Arrival): boolean => type === ChangeType.CHANGE_TYPE_ADDED;
    await stopwatch.time('move', `move ${name}`, isThere);
    await stopwatch.time('last close', 'detach', ({ holders }) => holders.length === 0);
  }
}

async function aboutTheHolder(
  stopwatch: Stopwatch,
  actor: Actor,
  watcher: Watcher,
  repetitions: number,
  signal: AbortSignal,
): Promise<void> {
  const made = watcher.arrival('make', ({ name }) => name === 'bench-c', PATIENCE, signal);
  await Promise.all([made, actor.act('make bench-c')]);
  const isHeld = ({ holders }: Arrival): boolean => holders.length === 1;
  const held = watcher.arrival('attach', isHeld, PATIENCE, signal);
  await Promise.all([held, actor.act('attach bench-c')]);
  await delay(OPENER_IS_WATCHED, undefined, { signal });
  for (let i = 0; i < repetitions; i++) {
    await stopwatch.time('fork of a holder', 'fork', ({ holders }) => holders.length === 2);
    const isAnother = ({ holders }: Arrival): boolean =>
      new Set(holders.map(({ comm }) => comm)).size === 2;
    await stopwatch.time('exec of a holder', 'exec', isAnother);
    await stopwatch.time('exit of a holder', 'exit', ({ holders }) => holders.length === 1);
  }
}

interface Target {
  readonly p50: number | null;
  readonly p99: number;
}

function targetOf(kind: string): Target {
  return kind.includes('holder') ? { p50: null, p99: 20 } : { p50: 2, p99: 10 };
}

function figureOf(
  measure: string,
  samples: readonly Sample[],
  target: Target | null,
  effort: Effort,
): Figure {
  const taken = samples.map(({ arrived }) => arrived);
  const [p50, p99] = [quantile(taken, 0.5), quantile(taken, 0.99)];
  // What the kernel takes before it tells anybody can be most of it.
  const calls = samples.map(({ call }) => call);
  const call = quantile(calls, 0.5);
  const own = call < 0.5 ? '' : ` (the call itself: ${call.toFixed(2)} ms)`;
  const figure = `p50 ${p50.toFixed(2)} ms${own}, p99 ${p99.toFixed(2)} ms`;
  const numbers = {
    p50Milliseconds: p50,
    p90Milliseconds: quantile(taken, 0.9),
    p99Milliseconds: p99,
    bestMilliseconds: Math.min(...taken),
    callP50Milliseconds: call,
    callP99Milliseconds: quantile(calls, 0.99),
    samples: taken.length,
  };
  if (target === null || effort === 'smoke') {
    return { measure, figure, target: null, met: null, numbers };
  }
  const median = target.p50 === null ? '' : `p50 <= ${target.p50} ms, `;
  const met = p99 <= target.p99 && (target.p50 === null || p50 <= target.p50);
  return { measure, figure, target: `${median}p99 <= ${target.p99} ms`, met, numbers };
}
