import { openLog } from '../log/log.js';
import type { Command } from './child.js';
import type { FilePaths } from './given-files.js';
import { Supervisor } from './supervisor.js';
import { TIMING, type Timing } from './timing.js';

export interface SuperviseOptions {
  /** How to start the server, and the probe. */
  readonly server: Command;
  readonly probe: Command;
  /** Paths of the unix sockets that the server listens on, to be removed in the end. */
  readonly socketPaths: readonly string[];
  /** Files that are read for the server, by the names that it knows them by. */
  readonly files: FilePaths;
  readonly logLevel: string;
  readonly timing?: Partial<Timing>;
}

/**
 * Runs server and probe until a signal says to end, restarting either when it dies. Returns the exit
 * code: 0, or what server or probe gave when they refused to start (2 bad usage, 3 refused), 4 internal.
 */
export async function supervise(options: SuperviseOptions): Promise<number> {
  const { server, probe, socketPaths, files, timing } = options;
  const log = openLog('tapmap serve', options.logLevel);
  const supervisor = new Supervisor({
    server,
    probe,
    socketPaths,
    files,
    log,
    timing: { ...TIMING, ...timing },
  });
  const end = (): void => {
    supervisor.end();
  };
  const signals = ['SIGTERM', 'SIGINT', 'SIGHUP'] as const;
  for (const signal of signals) process.on(signal, end);
  try {
    return await supervisor.run();
  } finally {
    for (const signal of signals) process.off(signal, end);
  }
}
