// Many watchers, one in ten of which has stopped: paused within a process that lives, or with its whole process.
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import {
  ListTapBindingsRequest,
  View,
  type ListTapBindingsResponse,
} from '../src/gen/tapmap/v1/tap_binding_service.js';
import type { TapBinding } from '../src/gen/tapmap/v1/tap_binding.js';
import type { Figure } from './figure.js';
import { Program } from './program.js';
import { knownFrom, type Known, type Replayed } from './replaying-watcher.js';
import { residentMemory, type Service } from './service.js';
import { follow, PER_SECOND, type WatchersOptions } from './watchers.js';

const MAIN = fileURLToPath(new URL('./stopped-main.ts', import.meta.url));
/** The server's: who takes nothing for so long is ended. */
const STALL_MS = 60_000;
/** Until those that stopped are in sync, or are again. */
const PATIENCE_MS = 60_000;

/** One process of watchers, and how it stops. */
interface Stopper {
  readonly how: 'paused' | 'frozen';
  /** Whether it reads on before the server has lost patience. */
  readonly inTime: boolean;
  readonly program: Program;
}

export async function tenthStopped(options: WatchersOptions): Promise<Figure[]> {
  const { service, smoke, abort } = options;
  const [watchers, stopped, seconds] = smoke ? [20, 4, 2] : [1000, 100, 30];
  const server = service.pid('server');
  let peak = 0;
  const watching = setInterval(() => {
    peak = Math.max(peak, residentMemory(server));
  }, 100);
  const stoppers = (['paused', 'frozen'] as const).flatMap((how) =>
    [true, false].map((inTime): Stopper => {
      const args = ['--import', 'tsx', MAIN, service.target, stopped / 4];
      return { how, inTime, program: new Program(process.execPath, ...args) };
    }),
  );
  try {
    await inSync(stoppers, abort);
    for (const stopper of stoppers) await stop(stopper);
    const begin = performance.now();
    const rest = { watchers: watchers - stopped, stopped: 0, seconds };
    const others = await follow(options, rest);
    const early = stoppers.filter(({ inTime }) => inTime);
    const late = stoppers.filter(({ inTime }) => !inTime);
    const inTime = await readOn(service, early, abort);
    // What fills before the server waits for the client takes a moment, too.
    const wait = smoke ? 0 : begin + STALL_MS + 20_000 - performance.now();
    await delay(Math.max(wait, 0), undefined, { signal: abort });
    const tooLate = await readOn(service, late, abort);
    const all = [...inTime, ...tooLate];
    const coalesced = inTime.filter((one) => one.ended === null && one.coalesced > 1).length;
    const ended = all.filter((one) => one.ended === 'ABORTED NOT_READING').length;
    const cut = all.filter((one) => one.ended !== null).length - ended;
    const isMet = others.worst <= 1000 && others.lost === 0 && peak <= 400;
    return [
      {
        measure: `${watchers} watchers, ${stopped} of them stopped, x ${PER_SECOND} changes/s for ${seconds} s: furthest behind of the others`,
        figure: `${others.worst.toFixed(0)} ms, server ${peak.toFixed(0)} MiB; stopped: ${coalesced} coalesced, ${ended} ended with NOT_READING, ${cut} cut, all true in the end`,
        target: 'none behind by more than 1 s, server <= 400 MiB, the stopped coalesced or ended',
        met: smoke ? null : isMet && coalesced + ended === stopped,
        numbers: {
          worstMilliseconds: others.worst,
          lost: others.lost,
          serverShare: others.share,
          serverPeakMebibytes: peak,
          coalesced,
          ended,
          cut,
        },
      },
    ];
  } finally {
    clearInterval(watching);
    for (const { program } of stoppers) program.signal('SIGCONT');
    await Promise.all(stoppers.map(({ program }) => program.end()));
  }
}

async function stop({ how, program }: Stopper): Promise<void> {
  if (how === 'frozen') {
    program.signal('SIGSTOP');
    return;
  }
  program.send('pause');
  await program.answer();
}

/** Lets them read on until each knows what a list says. @throws Error when one of them does not in time */
async function readOn(
  service: Service,
  stoppers: readonly Stopper[],
  abort: AbortSignal,
): Promise<Replayed[]> {
  for (const { how, program } of stoppers) {
    if (how === 'frozen') program.signal('SIGCONT');
    else {
      program.send('resume');
      await program.answer();
    }
  }
  for (const end = performance.now() + PATIENCE_MS; ;) {
    const { revision, digest } = await listed(service);
    const reports = await reportsOf(stoppers);
    if (reports.every((one) => one.revision === revision && one.digest === digest)) return reports;
    if (performance.now() > end) throw new Error('a watcher that stopped never came to know all');
    await delay(200, undefined, { signal: abort });
  }
}

async function inSync(stoppers: readonly Stopper[], abort: AbortSignal): Promise<void> {
  for (const end = performance.now() + PATIENCE_MS; ;) {
    if ((await reportsOf(stoppers)).every((one) => one.inSync)) return;
    if (performance.now() > end) throw new Error('not all watchers got their snapshot');
    await delay(100, undefined, { signal: abort });
  }
}

async function reportsOf(stoppers: readonly Stopper[]): Promise<Replayed[]> {
  for (const { program } of stoppers) program.send('report');
  const answers = await Promise.all(stoppers.map(({ program }) => program.answer()));
  return answers.flatMap((text) => JSON.parse(text) as Replayed[]);
}

async function listed(service: Service): Promise<Known> {
  const client = service.client();
  try {
    const bindings: TapBinding[] = [];
    let revision = 0n;
    const request = ListTapBindingsRequest.create({ view: View.VIEW_BASIC });
    for await (const message of client.listTapBindings(request)) {
      const part = message as ListTapBindingsResponse;
      bindings.push(...part.bindings);
      revision = part.summary?.revision ?? revision;
    }
    return knownFrom(bindings, revision);
  } finally {
    client.close();
  }
}
