// `tapmap serve` with the timing that a test asks for, and a stand-in for the probe if it wants one:
// the same supervisor, the same server. Its argument is ServeStart as JSON.
import { supervise } from '../../src/supervise/supervise.js';
import type { Timing } from '../../src/supervise/timing.js';

export interface ServeStart {
  readonly server: Readonly<Record<string, unknown>>;
  readonly socketPaths: readonly string[];
  readonly files: Readonly<Record<string, string>>;
  /** The stand-in's script; null: the probe itself. */
  readonly script: string | null;
  readonly timing: Partial<Timing>;
}

process.title = 'tapmap serve';

const PROBE = { finder: 'auto', logLevel: 'info', scanBudget: 1, withoutTriggers: [] };

const start = JSON.parse(process.argv[2]!) as ServeStart;
const path = (name: string): string => new URL(name, import.meta.url).pathname;
const main = [...process.execArgv, path('../../src/main.ts')];
const probe =
  start.script === null
    ? [...main, 'probe', JSON.stringify(PROBE)]
    : [...process.execArgv, path('stand-in-probe.ts'), start.script];

process.exitCode = await supervise({
  server: {
    file: process.execPath,
    args: [...main, 'server', JSON.stringify(start.server)],
  },
  probe: { file: process.execPath, args: probe },
  socketPaths: start.socketPaths,
  files: start.files,
  logLevel: 'info',
  timing: start.timing,
});
