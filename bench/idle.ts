// What a service costs that nothing happens to: scans, at the interval that the budget allows.
import { setTimeout as delay } from 'node:timers/promises';
import { lastScan } from './coverage.js';
import type { Effort } from './effort.js';
import type { Figure } from './figure.js';
import { processorTime, residentMemory, type Service } from './service.js';
import { Watcher } from './watcher.js';

const MILLISECONDS: Record<Effort, number> = { full: 60_000, quick: 20_000, smoke: 2_000 };

/** Probe and server with one watcher, beside a crowd that does nothing. */
export async function idle(
  service: Service,
  effort: Effort,
  signal: AbortSignal,
  say: (line: string) => void,
): Promise<Figure[]> {
  const watcher = new Watcher(service.target, 'bench-*');
  try {
    await watcher.watching();
    const length = await period(service, effort, signal);
    say(`idle for ${Math.round(length / 1000)} s`);
    const begin = performance.now();
    const [probe, server] = [used(service, 'probe'), used(service, 'server')];
    await delay(length, undefined, { signal });
    const seconds = (performance.now() - begin) / 1000;
    const probeShare = (100 * probe()) / seconds;
    const serverShare = (100 * server()) / seconds;
    const share = probeShare + serverShare;
    const { finder, scanDuration, scanInterval } = await lastScan(service);
    const parts = `probe ${probeShare.toFixed(2)} %, server ${serverShare.toFixed(2)} %`;
    const isJudged = effort !== 'smoke';
    return [
      {
        measure: `idle, 1 watcher, ${finder} finder`,
        figure: `${share.toFixed(2)} % of one core (${parts})`,
        target: isJudged ? '<= 1 %' : null,
        met: isJudged ? share <= 1 : null,
        numbers: {
          probePercent: probeShare,
          serverPercent: serverShare,
          probeMebibytes: residentMemory(service.pid('probe')),
          serverMebibytes: residentMemory(service.pid('server')),
          seconds,
          scanMilliseconds: scanDuration,
          scanIntervalMilliseconds: scanInterval,
        },
      },
    ];
  } finally {
    await watcher.end();
  }
}

/** Waits until a scan is over, and gives a time that begins and ends with the rest between two. */
async function period(service: Service, effort: Effort, signal: AbortSignal): Promise<number> {
  const least = MILLISECONDS[effort];
  if (effort === 'smoke') return least;
  const { scanTime } = await lastScan(service);
  while (true) {
    const last = await lastScan(service);
    // So long an interval that a quick run has to do without its end, or one that is over.
    if (last.scanTime !== scanTime || Date.now() - scanTime > least) {
      return Math.max(1, Math.round(least / last.scanInterval)) * last.scanInterval;
    }
    await delay(200, undefined, { signal });
  }
}

/** Seconds of processor time that the process uses from now on. */
function used(service: Service, kind: 'server' | 'probe'): () => number {
  const pid = service.pid(kind);
  const before = processorTime(pid);
  return () => processorTime(pid) - before;
}
