/** `tapmap serve`: starts the processes that find and tell. */
import { Command, InvalidArgumentError, Option } from 'commander';
import { supervise } from '../supervise/supervise.js';
import { debugFlag } from './client-command.js';
import { LOG_LEVELS, serveSettings, TRIGGERS, type ServeFlags } from './serve-settings.js';

const HELP = `
Started as root, the part that looks at processes keeps its rights and has no socket; the part that
answers clients becomes --user before it answers the first.

Examples:
  tapmap serve
  tapmap serve --listen unix:///run/tapmap/tapmap.sock --listen tcp://127.0.0.1:50051
`;

export function serveCommand(): Command {
  return new Command('serve')
    .description('find who holds which device and tell it over gRPC')
    .addOption(
      new Option(
        '--listen <address>',
        'unix:///PATH or tcp://HOST:PORT on loopback; repeats (default: ' +
          'unix:///run/tapmap/tapmap.sock, or $XDG_RUNTIME_DIR/tapmap/tapmap.sock for a user)',
      ).argParser((address: string, before: readonly string[] | undefined) => [
        ...(before ?? []),
        address,
      ]),
    )
    .option('--user <name>', 'whom the answering part becomes (default as root: nobody)')
    .addOption(
      new Option('--finder <finder>', 'how open files are found (default: auto)').choices([
        'auto',
        'proc',
        'bpf',
      ]),
    )
    .addOption(
      new Option(
        '--scan-budget <percent>',
        'of one core, for scans that find what no trigger tells (default: 1)',
      ).argParser(percentOf),
    )
    .addOption(
      new Option(
        '--without-trigger <trigger>',
        `not to listen to it; repeats (${TRIGGERS.join(', ')})`,
      ).argParser(addTrigger),
    )
    .addOption(
      new Option('--log-level <level>', 'what is logged on stderr (default: info)').choices(
        LOG_LEVELS,
      ),
    )
    .option(
      '--config <file>',
      'JSON: an object of listen (array), user, finder, scanBudget, withoutTrigger (array), logLevel; flags go first',
    )
    .addOption(debugFlag())
    .addHelpText('after', HELP)
    .action(async (flags: ServeFlags) => {
      await serve(flags);
    });
}

function percentOf(text: string): number {
  const percent = Number(text);
  if (percent > 0 && percent <= 100) return percent;
  throw new InvalidArgumentError('It must be a number above 0 and up to 100.');
}

function addTrigger(
  text: string,
  before: readonly (typeof TRIGGERS)[number][] | undefined,
): readonly (typeof TRIGGERS)[number][] {
  const trigger = TRIGGERS.find((known) => known === text);
  if (trigger !== undefined) return [...(before ?? []), trigger];
  throw new InvalidArgumentError(`It must be one of ${TRIGGERS.join(', ')}.`);
}

async function serve(flags: ServeFlags): Promise<void> {
  const { server, probe, socketPaths, logLevel } = serveSettings(flags, process.env, userId());
  // The program that runs now, in the way it was started: from source under a loader, too.
  const self = [...process.execArgv, process.argv[1]!];
  process.exitCode = await supervise({
    server: { file: process.execPath, args: [...self, 'server', JSON.stringify(server)] },
    probe: { file: process.execPath, args: [...self, 'probe', JSON.stringify(probe)] },
    socketPaths,
    logLevel,
  });
}

function userId(): number {
  return process.getuid?.() ?? 0;
}
