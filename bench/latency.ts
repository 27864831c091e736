// From the system call that changes who holds a device to the change in a client's hands.
import { setTimeout as delay } from 'node:timers/promises';
import { ChangeType } from '../src/gen/tapmap/v1/tap_binding_service.js';
import { Actor, type Act } from './actor.js';
import { quantile, type Figure } from './figure.js';
import type { Service } from './service.js';
import type { Effort } from './size.js';
import { Watcher, type Arrival } from './watcher.js';

const REPETITIONS: Record<Effort, number> = { full: 100, quick: 30, smoke: 2 };
/** So long nothing may come of what the kernel tells at once, milliseconds. */
const PATIENCE = 15_000;
/** Whoever opened a node is looked at again and again for that long, milliseconds. */
const OPENER_IS_WATCHED = 1_500;

type Samples = Map<string, number[]>;

class Stopwatch {
  constructor(
    private readonly actor: Actor,
    private readonly watcher: Watcher,
    private readonly samples: Samples,
    private readonly signal: AbortSignal,
  ) {}

  /**
   * Has the actor do it and takes the time until the change arrives that `is` what it comes to. A rest
   * goes before, at random, so that changes are seen one by one and at any moment of what else goes on.
   */
  async time(
    kind: string,
    command: string,
    is: (arrival: Arrival) => boolean,
    patience = PATIENCE,
  ): Promise<Act> {
    await delay(20 + Math.random() * 30, undefined, { signal: this.signal });
    const arrival = this.watcher.arrival(kind, is, patience, this.signal);
    const [arrived, act] = await Promise.all([arrival, this.actor.act(command)]);
    const taken = this.samples.get(kind) ?? [];
    taken.push(Number(arrived - act.at) / 1e6);
    this.samples.set(kind, taken);
    return act;
  }
}

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
    const wakes: number[] = [];
    for (let i = 0; i < repetitions; i++) {
      await delay(20 + Math.random() * 30, undefined, { signal });
      wakes.push((await actor.act('wake')).value / 1e6);
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
  taken: readonly number[],
  target: Target | null,
  effort: Effort,
): Figure {
  const [p50, p99] = [quantile(taken, 0.5), quantile(taken, 0.99)];
  const figure = `p50 ${p50.toFixed(2)} ms, p99 ${p99.toFixed(2)} ms`;
  const numbers = {
    p50Milliseconds: p50,
    p90Milliseconds: quantile(taken, 0.9),
    p99Milliseconds: p99,
    bestMilliseconds: Math.min(...taken),
    samples: taken.length,
  };
  if (target === null || effort === 'smoke') {
    return { measure, figure, target: null, met: null, numbers };
  }
  const median = target.p50 === null ? '' : `p50 <= ${target.p50} ms, `;
  const met = p99 <= target.p99 && (target.p50 === null || p50 <= target.p50);
  return { measure, figure, target: `${median}p99 <= ${target.p99} ms`, met, numbers };
}

const UNTOLD_REPETITIONS: Record<Effort, number> = { full: 3, quick: 0, smoke: 0 };

/** What no event tells: a descriptor over a socket, one more, one of two closed. */
export async function untold(
  service: Service,
  effort: Effort,
  signal: AbortSignal,
  say: (line: string) => void,
  interval: () => Promise<{ finder: string; scanInterval: number; scanDuration: number }>,
): Promise<Figure[]> {
  const repetitions = UNTOLD_REPETITIONS[effort];
  if (repetitions === 0) return [];
  const { finder, scanInterval } = await interval();
  say(`SCM_RIGHTS, dup, shared close: ${repetitions} times, each up to ${scanInterval / 1000} s`);
  const watcher = new Watcher(service.target, 'bench-*');
  const actors = [new Actor(), new Actor(), new Actor()];
  const samples: Samples = new Map();
  let longest = 0;
  /** What was promised, before and after: it changes from scan to scan. */
  const promise = async (): Promise<void> => {
    const told = await interval();
    longest = Math.max(longest, told.scanInterval + told.scanDuration);
  };
  const patience = 180_000;
  try {
    await watcher.watching();
    await Promise.all(
      actors.map(async (actor, i) => {
        const stopwatch = new Stopwatch(actor, watcher, samples, signal);
        const kind = ['SCM_RIGHTS', 'dup', 'shared close'][i]!;
        for (let round = 0; round < repetitions; round++) {
          // Another tap each time, as a descriptor that was passed is not given back.
          const tap = `bench-u${i}-${round}`;
          const is = (holders: number, fds: number) => (arrival: Arrival) =>
            arrival.name === tap &&
            arrival.holders.length === holders &&
            arrival.holders[0]?.fds === fds;
          await actor.act(`make ${tap}`);
          const held = watcher.arrival('attach', is(1, 1), PATIENCE, signal);
          const twice = kind === 'shared close';
          const both = twice ? watcher.arrival('dup', is(1, 2), PATIENCE, signal) : held;
          await actor.act(`attach ${tap}`);
          await held;
          // While whoever has opened the node is still looked at: it is not this that is measured.
          if (twice) await actor.act('dup');
          await both;
          await delay(OPENER_IS_WATCHED, undefined, { signal });
          await promise();
          if (kind === 'dup') await stopwatch.time(kind, 'dup', is(1, 2), patience);
          else if (twice) await stopwatch.time(kind, 'drop', is(1, 1), patience);
          else await stopwatch.time(kind, 'pass', is(2, 1), patience);
          await promise();
          say(`${kind}: ${(samples.get(kind)!.at(-1)! / 1000).toFixed(1)} s`);
        }
      }),
    );
  } finally {
    await Promise.all([watcher.end(), ...actors.map((actor) => actor.end())]);
  }
  const limit = finder === 'bpf' ? 2_000 : longest;
  const target =
    finder === 'bpf' ? '<= 2 s' : `<= ${(longest / 1000).toFixed(1)} s: scan_interval and a scan`;
  return [...samples].map(([kind, taken]) => {
    const worst = Math.max(...taken);
    return {
      measure: `${kind} -> client, ${finder} finder (no event)`,
      figure: `worst of ${taken.length}: ${(worst / 1000).toFixed(1)} s`,
      target,
      met: worst <= limit,
      numbers: { worstMilliseconds: worst, promisedMilliseconds: longest, samples: taken.length },
    };
  });
}
