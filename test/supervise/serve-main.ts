// `tapmap serve` with a stand-in for the probe: the same supervisor, the same server. Its argument is
// ServeStart as JSON.
import { supervise } from '../../src/supervise/supervise.js';
import type { Timing } from '../../src/supervise/timing.js';

export interface ServeStart {
  readonly server: Readonly<Record<string, unknown>>;
  readonly socketPaths: readonly string[];
  /** The stand-in's script. */
  readonly script: string;
  readonly timing: Partial<Timing>;
}

process.title = 'tapmap serve';

const start = JSON.parse(process.argv[2]!) as ServeStart;
const path = (name: string): string => new URL(name, import.meta.url).pathname;

process.exitCode = await supervise({
  server: {
    file: process.execPath,
    args: [...process.execArgv, path('../../src/main.ts'), 'server', JSON.stringify(start.server)],
  },
  probe: {
    file: process.execPath,
    args: [...process.execArgv, path('stand-in-probe.ts'), start.script],
  },
  socketPaths: start.socketPaths,
  logLevel: 'info',
  timing: start.timing,
});
