/** The probe process: looks at the host and tells the server. It has the rights and no socket. */
import { chooseFinder, FinderError } from '../inspect/choose-finder.js';
import { procFinder } from '../inspect/find.js';
import { HostError, thisHost } from '../inspect/host.js';
import { linux } from '../inspect/linux.js';
import { WalkWorker } from '../inspect/walk-worker.js';
import { dieWithParent } from '../kernel/parent-death.js';
import { logUncaught, openLog } from '../log/log.js';
import { parseProbeConfig } from './config.js';
import { Observing } from './observing.js';
import { ServerChannel } from './server-channel.js';

/** Exit code. */
const INTERNAL = 4;

/** How often to say that it is alive, milliseconds: the server takes longer silence for a hang. */
const ALIVE = 1000;

/**
 * Runs until the server or the supervisor is gone. Returns the exit code: 0 when the channel or the
 * life line was closed, 3 when it cannot work on this host or not as it was told to, 4 when it failed.
 */
export async function runProbe(json: string): Promise<number> {
  // Ctrl-C goes to the whole process group: when to end is the supervisor's to say.
  for (const signal of ['SIGINT', 'SIGHUP'] as const) process.on(signal, () => undefined);
  dieWithParent();
  const { finder: choice, logLevel, scanBudget, withoutTriggers } = parseProbeConfig(json);
  const log = openLog('tapmap probe', logLevel);
  logUncaught(log, INTERNAL);
  let observing: Observing | null = null;
  const host = orRefusal(() =>
    thisHost('/proc', linux, '/sys', (inode, fd) => observing?.enteredNetns(inode, fd)),
  );
  const finder = orRefusal(() => chooseFinder(choice, () => procFinder(WalkWorker.start())));
  if (host === null || finder === null) return 3;
  log.debug({ finder: finder.kind, degraded: finder.degraded }, 'finder chosen');

  return new Promise((end) => {
    // The life line: at its end the supervisor is gone.
    process.stdin
      .on('end', () => {
        end(0);
      })
      .on('error', () => {
        end(0);
      })
      .resume();

    const fail = (error: unknown) => {
      log.error({ err: error }, 'probe failed');
      end(INTERNAL);
    };

    const started = new Observing({
      host,
      finder,
      scanShare: scanBudget / 100,
      withoutTriggers,
      log,
      tell: (observation, answers) =>
        channel.send({ type: 'observation', observation, answers: [...answers] }),
    });
    observing = started;

    const begin = () => {
      setInterval(() => {
        channel.send({ type: 'alive', effort: started.effort }).catch(fail);
      }, ALIVE);
      started.run().catch(fail);
    };

    const channel = new ServerChannel(
      (message) => {
        if (message.type === 'begin') begin();
        else started.ask(message.id);
      },
      (error) => {
        if (error === null) end(0);
        else fail(error);
      },
    );
  });
}

/** Null, after it said why, where tapmap cannot work: starting it again would not help. */
function orRefusal<T>(start: () => T): T | null {
  try {
    return start();
  } catch (error) {
    if (!(error instanceof HostError || error instanceof FinderError)) throw error;
    process.stderr.write(`tapmap: serve: ${error.message}\n`);
    return null;
  }
}
