// How a scan grows with what there is: smaller crowds, one after the other, and the C loop beside each, so
// that a machine that slows down meanwhile does not look like growth.
import { statSync } from 'node:fs';
import { startCrowd, type CrowdSize } from './crowd.js';
import type { Effort } from './effort.js';
import { quantile, type Figure } from './figure.js';
import { Scanner } from './scan.js';
import { Walk } from './walk.js';

const SHARES = [0.25, 0.5, 1];
const ROUNDS: Record<Effort, number> = { full: 9, quick: 3, smoke: 1 };
/** What costs so many times more a piece, four times the size, grows faster than linearly. */
const LINEAR = 1.5;

interface Point {
  readonly fds: number;
  readonly taps: number;
  /** The least that the C loop took, milliseconds: load only adds. */
  readonly walk: number;
  /** Of each finder's scan, how many times the C loop's right before it: the median. */
  readonly scans: ReadonlyMap<string, number>;
}

/** Scans at 1/4, 1/2 and all of the crowd, and at as many taps in all of the processes. */
export async function growth(
  size: CrowdSize,
  effort: Effort,
  signal: AbortSignal,
  say: (line: string) => void,
): Promise<Figure[]> {
  const crowds: Point[] = [];
  const taps: Point[] = [];
  for (const share of SHARES) {
    const part = {
      processes: size.processes * share,
      fds: size.fds,
      taps: size.taps * share,
      holders: size.holders * share,
    };
    crowds.push(await measureAt(part, effort, signal, say));
    // What a tap adds is the difference of two scans: a few rounds do not tell it.
    if (effort === 'quick') continue;
    if (share === 1) taps.push(crowds.at(-1)!);
    else taps.push(await measureAt({ ...size, taps: part.taps }, effort, signal, say));
  }
  return [...crowds[0]!.scans.keys()].flatMap((finder) => [
    inFds(finder, crowds, effort),
    ...(taps.length > 0 ? [inTaps(finder, taps, effort)] : []),
  ]);
}

async function measureAt(
  size: CrowdSize,
  effort: Effort,
  signal: AbortSignal,
  say: (line: string) => void,
): Promise<Point> {
  say(`growth: ${size.processes} processes, ${size.taps} taps`);
  const crowd = await startCrowd(size);
  const walk = new Walk();
  try {
    const netns = statSync(`/proc/${crowd.pid}/ns/net`).ino;
    const scanners = new Map<string, Scanner>();
    for (const finder of ['proc', 'bpf'] as const) {
      const scanner = Scanner.with(finder, netns);
      if (typeof scanner !== 'string') scanners.set(finder, scanner);
    }
    const walks: number[] = [];
    const scans = new Map([...scanners.keys()].map((finder) => [finder, [] as number[]]));
    // The first of each only warms up.
    for (let round = 0; round <= ROUNDS[effort]; round++) {
      signal.throwIfAborted();
      const walked = await walk.run();
      if (round > 0) walks.push(walked);
      for (const [finder, scanner] of scanners) {
        const scanned = await scanner.run();
        if (scanner.held !== size.taps) throw new Error(`${finder}: ${scanner.held} taps held`);
        if (round > 0) scans.get(finder)!.push(scanned / walked);
      }
    }
    return {
      fds: walk.fds,
      taps: size.taps,
      walk: Math.min(...walks),
      scans: new Map([...scans].map(([finder, taken]) => [finder, quantile(taken, 0.5)])),
    };
  } finally {
    await walk.end();
    await crowd.end();
  }
}

/** The scan's time for each fd, in nanoseconds, at each size. */
function inFds(finder: string, points: readonly Point[], effort: Effort): Figure {
  const scale = Math.min(...points.map(({ fds, walk }) => walk / fds)) * 1e6;
  const each = points.map(({ scans }) => scans.get(finder)! * scale);
  return figureOf(`growth with the crowd, ${finder} finder`, 'ns an fd', each, effort);
}

/**
 * What each tap adds to a scan, in microseconds: from 1/4 to 1/2 of them, and from 1/2 to all, with the
 * same processes and fds.
 */
function inTaps(finder: string, points: readonly Point[], effort: Effort): Figure {
  const scale = Math.min(...points.map(({ walk }) => walk)) * 1e3;
  const scans = points.map(({ taps, scans }) => ({ taps, took: scans.get(finder)! * scale }));
  const [quarter, half, all] = scans as [Scan, Scan, Scan];
  const added = (a: Scan, b: Scan): number => (b.took - a.took) / (b.taps - a.taps);
  const each = [added(quarter, half), added(half, all)];
  return figureOf(`growth with the taps, ${finder} finder`, 'us a tap', each, effort);
}

interface Scan {
  readonly taps: number;
  readonly took: number;
}

function figureOf(measure: string, unit: string, each: readonly number[], effort: Effort): Figure {
  const grown = each.at(-1)! / each[0]!;
  // Where the machine was so busy that more seemed to take less, nothing follows.
  const isJudged = effort !== 'smoke' && each.every((one) => one > 0);
  return {
    measure,
    figure: `${each.map((one) => one.toFixed(one < 100 ? 1 : 0)).join(', ')} ${unit}`,
    target: isJudged ? `linear: x ${grown.toFixed(2)} <= ${LINEAR}` : null,
    met: isJudged ? grown <= LINEAR : null,
    numbers: { grown, ...Object.fromEntries(each.map((one, i) => [`at${i}`, one])) },
  };
}
