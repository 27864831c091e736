// `npm run bench [-- --quick | --smoke]`: measures a full scan and its peers beside a crowd of
// processes, and then what a whole tapmap does beside it; prints a table of each and writes
// bench/out/bench.json. `--quick` leaves out `ip -d tuntap show`, which is given minutes, what only scans
// find, which may take one each, and what each tap adds; `--smoke` only shows that all of it runs: a small
// crowd, no verdicts.
import { existsSync, mkdirSync, statSync, writeFileSync } from 'node:fs';
import { availableParallelism, cpus, release } from 'node:os';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { measure, type Contender } from './contender.js';
import { firstList } from './coverage.js';
import { startCrowd, type Crowd, type CrowdSize } from './crowd.js';
import type { Effort } from './effort.js';
import { figureTable, type Figure } from './figure.js';
import { growth } from './growth.js';
import { idle } from './idle.js';
import { latency } from './latency.js';
import { longList } from './list.js';
import { cutShort, isInstalled, peers, runPeer } from './peers.js';
import { Scanner } from './scan.js';
import { Service } from './service.js';
import { start } from './start.js';
import { tenthStopped } from './stopped-watchers.js';
import { storms } from './storms.js';
import { untold } from './untold.js';
import { BPF_SCAN, C_LOOP, judge, SCAN, table, type Row } from './verdict.js';
import { Walk } from './walk.js';
import { manyWatchers, oneStopped } from './watchers.js';

const FULL: CrowdSize = { processes: 2_000, fds: 55, taps: 2_000, holders: 500 };
const SMOKE: CrowdSize = { processes: 40, fds: 20, taps: 40, holders: 10 };

interface Options {
  readonly quick: boolean;
  readonly smoke: boolean;
}

function say(line: string): void {
  process.stderr.write(`bench: ${line}\n`);
}

async function run({ quick, smoke }: Options, abort: AbortSignal): Promise<void> {
  const size = smoke ? SMOKE : FULL;
  say(`starting ${size.processes} processes x ${size.fds} open files, ${size.taps} taps`);
  const effort = smoke ? 'smoke' : quick ? 'quick' : 'full';
  const figures: Figure[] = [];
  const crowd = await startCrowd(size);
  const walk = new Walk();
  let rows: Row[];
  try {
    const scanners = startScanners(statSync(`/proc/${crowd.pid}/ns/net`).ino);
    const all = contenders({ quick, smoke }, crowd, walk, scanners, abort);
    const measured = await measure(all, say, abort);
    // A scan that is fast and finds less is not fast.
    for (const [name, { held }] of scanners) {
      // The host may have taps of its own.
      if (walk.tunFds >= size.taps && held === size.taps) continue;
      throw new Error(
        `of ${size.taps} taps the C loop saw ${walk.tunFds}, and ${name} told ${held} as held`,
      );
    }
    rows = judge(measured, cutShort, !smoke);
    printScans(size, rows, walk.fds);
    figures.push(...(await beside(effort, abort)));
    if (effort !== 'quick') figures.push(...(await underLoad(crowd, size, smoke, abort)));
  } finally {
    await walk.end();
    await crowd.end();
  }
  // Crowds of its own, after the one that would be scanned with them.
  figures.push(...(await growth(size, effort, abort, say)));
  if (effort !== 'quick') figures.push(...(await longList(smoke, abort)));
  process.stdout.write(`\n${figureTable(figures)}\n`);
  writeJson(size, rows, figures, walk.fds);
}

/** What a whole tapmap does beside the crowd. */
async function beside(effort: Effort, abort: AbortSignal): Promise<Figure[]> {
  const figures = await start(effort, abort, say);
  const service = await Service.start();
  try {
    for (const measured of [latency, untold, idle]) {
      figures.push(...(await measured(service, effort, abort, say)));
    }
  } finally {
    await service.end();
  }
  return figures;
}

/** What it does of much at once, beside the crowd. */
async function underLoad(
  { pid }: Crowd,
  { taps }: CrowdSize,
  smoke: boolean,
  abort: AbortSignal,
): Promise<Figure[]> {
  const devices = Array.from({ length: Math.min(taps, 200) }, (_, i) => `crowd${i}`);
  const service = await Service.start();
  try {
    await firstList(service, abort);
    const options = { service, pid, devices, smoke, abort };
    const figures: Figure[] = [];
    for (const [what, measured] of [
      ['many watchers', manyWatchers],
      ['a stopped watcher', oneStopped],
      ['many stopped watchers', tenthStopped],
      ['storms', storms],
    ] as const) {
      say(what);
      figures.push(...(await measured(options)));
    }
    return figures;
  } finally {
    await service.end();
  }
}

function startScanners(netns: number): Map<string, Scanner> {
  const scanners = new Map<string, Scanner>();
  for (const [name, choice] of [
    [SCAN, 'proc'],
    [BPF_SCAN, 'bpf'],
  ] as const) {
    const scanner = Scanner.with(choice, netns);
    if (typeof scanner === 'string') say(`left out: ${name}: ${scanner}`);
    else scanners.set(name, scanner);
  }
  return scanners;
}

function contenders(
  { quick, smoke }: Options,
  crowd: Crowd,
  walk: Walk,
  scanners: ReadonlyMap<string, Scanner>,
  abort: AbortSignal,
): Contender[] {
  const rounds = smoke ? 2 : 15;
  const all: Contender[] = [
    { name: C_LOOP, run: () => walk.run(), rounds, warmups: 3 },
    ...[...scanners].map(([name, scanner]) => {
      return { name, run: () => scanner.run(), rounds, warmups: 3 };
    }),
  ];
  for (const peer of peers(crowd.pid, !quick)) {
    if (!isInstalled(peer.needs)) {
      say(`left out: ${peer.name}: ${peer.needs} is not installed`);
      continue;
    }
    const peerRounds = smoke || peer.slow ? 1 : 3;
    all.push({ name: peer.name, run: () => runPeer(peer, abort), rounds: peerRounds, warmups: 0 });
  }
  return all;
}

function printScans(size: CrowdSize, rows: readonly Row[], fdsSeen: number): void {
  process.stdout.write(
    `${size.processes} processes x ${size.fds} open files (${fdsSeen} on the whole machine), ` +
      `${size.taps} taps in ${size.holders} of them\n\n${table(rows)}\n`,
  );
}

function writeJson(
  size: CrowdSize,
  rows: readonly Row[],
  figures: readonly Figure[],
  fdsSeen: number,
): void {
  const machine = {
    kernel: release(),
    processor: cpus()[0]?.model ?? 'unknown',
    parallelism: availableParallelism(),
    node: process.version,
  };
  const directory = fileURLToPath(new URL('./out/', import.meta.url));
  mkdirSync(directory, { recursive: true });
  const whole = {
    measuredAt: new Date().toISOString(),
    machine,
    crowd: size,
    fdsSeen,
    rows,
    figures,
  };
  writeFileSync(`${directory}bench.json`, `${JSON.stringify(whole, null, 2)}\n`);
}

/** Why nothing can be measured here. */
function obstacle(): string | undefined {
  if (process.geteuid?.() !== 0)
    return 'root is needed, to make taps in a namespace and to see all';
  if (!existsSync('/dev/net/tun')) return 'no /dev/net/tun: no taps can be made';
  if (!isInstalled('cc')) return 'no C compiler: install gcc (the command `cc`)';
  return undefined;
}

const { values } = parseArgs({
  options: {
    quick: { type: 'boolean', default: false },
    smoke: { type: 'boolean', default: false },
  },
});
const why = obstacle();
if (why === undefined) {
  const abort = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.on(signal, () => {
      say('interrupted: waiting for the crowd to end');
      abort.abort();
    });
  }
  try {
    await run(values, abort.signal);
  } catch (error) {
    if (!abort.signal.aborted) throw error;
    process.exitCode = 130;
  }
} else {
  say(why);
  process.exitCode = 1;
}
