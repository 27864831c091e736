// Many watchers of many changes: how far any of them falls behind, and what it costs the server.
import { fileURLToPath } from 'node:url';
import { Changer } from './changer.js';
import type { Figure } from './figure.js';
import { Program } from './program.js';
import { processorTime, residentMemory, type Service } from './service.js';
import type { WatchersReport } from './watchers-main.js';

const MAIN = fileURLToPath(new URL('./watchers-main.ts', import.meta.url));
/** Clients are not all in one process, nor each in its own. */
const PER_PROCESS = 250;
export const PER_SECOND = 200;
/** How long before a change the look may have begun that saw it, milliseconds. */
const OBSERVING = 100;

export interface WatchersOptions {
  readonly service: Service;
  /** A process in a namespace with `devices`. */
  readonly pid: number;
  readonly devices: readonly string[];
  readonly smoke: boolean;
  readonly abort: AbortSignal;
}

/** 1,000 watchers and 200 changes a second. */
export async function manyWatchers(options: WatchersOptions): Promise<Figure[]> {
  const [watchers, seconds] = options.smoke ? [20, 2] : [1000, 30];
  const { worst, lost, share, peak } = await follow(options, { watchers, stopped: 0, seconds });
  const isMet = worst <= 1000 && lost === 0 && peak <= 400;
  return [
    {
      measure: `${watchers} watchers x ${PER_SECOND} changes/s for ${seconds} s: furthest behind`,
      figure: `${worst.toFixed(0)} ms, server ${peak.toFixed(0)} MiB, ${(100 * share).toFixed(0)} % of a core`,
      target: 'none behind by more than 1 s, server <= 400 MiB',
      met: options.smoke ? null : isMet,
      numbers: { worstMilliseconds: worst, lost, serverShare: share, serverPeakMebibytes: peak },
    },
  ];
}

/** One of them takes nothing in. */
export async function oneStopped(options: WatchersOptions): Promise<Figure[]> {
  const [watchers, seconds] = options.smoke ? [10, 2] : [100, 15];
  const before = residentMemory(options.service.pid('server'));
  const all = await follow(options, { watchers, stopped: 0, seconds });
  const others = await follow(options, { watchers, stopped: 1, seconds });
  const isMet = others.worst <= Math.max(2 * all.worst, 100) && others.lost === 0;
  return [
    {
      measure: `${watchers} watchers, one stopped: the others furthest behind`,
      figure: `${others.worst.toFixed(0)} ms (${all.worst.toFixed(0)} ms with none stopped), server +${(others.peak - before).toFixed(0)} MiB`,
      target: 'the others unaffected',
      met: options.smoke ? null : isMet,
      numbers: {
        worstMilliseconds: others.worst,
        worstOfAllMilliseconds: all.worst,
        lost: others.lost,
        serverGrowthMebibytes: others.peak - before,
      },
    },
  ];
}

export interface Following {
  /** How old the oldest news was that any of them got, milliseconds. */
  readonly worst: number;
  /** Watchers that ended, got nothing, or did not get the last news within a second. */
  readonly lost: number;
  /** Of one core, the server's. */
  readonly share: number;
  /** Of the server's resident memory, MiB. */
  readonly peak: number;
}

/** Watchers that take everything in but the first `stopped`, while devices change. */
export async function follow(
  { service, pid, devices, abort }: WatchersOptions,
  { watchers, stopped, seconds }: { watchers: number; stopped: number; seconds: number },
): Promise<Following> {
  const server = service.pid('server');
  const programs: Program[] = [];
  for (let rest = watchers; rest > 0; rest -= PER_PROCESS) {
    const tsx = ['--import', 'tsx', MAIN];
    const count = Math.min(rest, PER_PROCESS);
    const quiet = rest === watchers ? stopped : 0;
    programs.push(new Program(process.execPath, ...tsx, service.target, count, quiet));
  }
  const changer = new Changer(pid);
  let peak = 0;
  const watching = setInterval(() => {
    peak = Math.max(peak, residentMemory(server));
  }, 100);
  try {
    // Until all are connected: each answers by the time its streams were asked for.
    await answers(programs, 'begin');
    await changer.change(devices, { perSecond: PER_SECOND, seconds: 2, abort });
    await answers(programs, 'begin');
    const [begin, used] = [performance.now(), processorTime(server)];
    const lastChange = await changer.change(devices, { perSecond: PER_SECOND, seconds, abort });
    const share = (processorTime(server) - used) / ((performance.now() - begin) / 1000);
    await new Promise((resolve) => setTimeout(resolve, 1000));
    const reports = await answers(programs, 'report');
    const followed = reports.flatMap((text) => (JSON.parse(text) as WatchersReport).followed);
    const worst = Math.max(...followed.map((one) => one.worst));
    const lost = followed.filter(
      (one) => one.ended || one.messages === 0 || one.last < lastChange - OBSERVING,
    ).length;
    return { worst, lost, share, peak };
  } finally {
    clearInterval(watching);
    await changer.end();
    await Promise.all(programs.map((program) => program.end()));
  }
}

async function answers(programs: readonly Program[], line: string): Promise<string[]> {
  for (const program of programs) program.send(line);
  return await Promise.all(programs.map((program) => program.answer()));
}
