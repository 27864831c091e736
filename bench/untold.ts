// What no event tells: scans alone find it, so that it takes up to the interval between two.
import { setTimeout as delay } from 'node:timers/promises';
import { Actor } from './actor.js';
import { lastScan } from './coverage.js';
import type { Figure } from './figure.js';
import type { Service } from './service.js';
import type { Effort } from './effort.js';
import { OPENER_IS_WATCHED, PATIENCE, Stopwatch, type Samples } from './stopwatch.js';
import { Watcher, type Arrival } from './watcher.js';

const REPETITIONS: Record<Effort, number> = { full: 3, quick: 0, smoke: 0 };

/** What no event tells: a descriptor over a socket, one more, one of two closed. */
export async function untold(
  service: Service,
  effort: Effort,
  signal: AbortSignal,
  say: (line: string) => void,
): Promise<Figure[]> {
  const repetitions = REPETITIONS[effort];
  if (repetitions === 0) return [];
  const { finder, scanInterval } = await lastScan(service);
  say(`SCM_RIGHTS, dup, shared close: ${repetitions} times, each up to ${scanInterval / 1000} s`);
  const watcher = new Watcher(service.target, 'bench-*');
  const actors = [new Actor(), new Actor(), new Actor()];
  const samples: Samples = new Map();
  let longest = 0;
  /** What was promised, before and after: it changes from scan to scan. */
  const promise = async (): Promise<void> => {
    const told = await lastScan(service);
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
          say(`${kind}: ${(samples.get(kind)!.at(-1)!.arrived / 1000).toFixed(1)} s`);
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
    const worst = Math.max(...taken.map(({ arrived }) => arrived));
    return {
      measure: `${kind} -> client, ${finder} finder (no event)`,
      figure: `worst of ${taken.length}: ${(worst / 1000).toFixed(1)} s`,
      target,
      met: worst <= limit,
      numbers: { worstMilliseconds: worst, promisedMilliseconds: longest, samples: taken.length },
    };
  });
}
