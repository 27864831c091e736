/** `tapmap serve`: starts the processes that find and tell. */
import { Command } from 'commander';
import { supervise } from '../supervise/supervise.js';
import { debugFlag } from './client-command.js';
import { addServeFlags } from './serve-flags.js';
import { serveSettings } from './serve-settings.js';

const HELP = `
Started as root, the part that looks at processes keeps its rights and has no socket; the part that
answers clients becomes --user before it answers the first.
TCP beyond loopback needs --tls-certificate and --tls-key, and either --tls-client-ca or
--tls-without-client-certificates; over it, nobody may list unless --access-policy says so. Certificates
and policy are read again when their files change.

Examples:
  tapmap serve
  tapmap serve --listen unix:///run/tapmap/tapmap.sock --listen tcp://127.0.0.1:50051
`;

export function serveCommand(): Command {
  const command = new Command('serve').description(
    'find who holds which device and tell it over gRPC',
  );
  return addServeFlags(command)
    .addOption(debugFlag().helpGroup('General:'))
    .addHelpText('after', HELP)
    .action(async () => {
      await serve(command);
    });
}

async function serve(command: Command): Promise<void> {
  const { server, probe, socketPaths, files, logLevel } = serveSettings(
    givenFlags(command),
    process.env,
    userId(),
  );
  // The program that runs now, in the way it was started: from source under a loader, too.
  const self = [...process.execArgv, process.argv[1]!];
  process.exitCode = await supervise({
    server: { file: process.execPath, args: [...self, 'server', JSON.stringify(server)] },
    probe: { file: process.execPath, args: [...self, 'probe', JSON.stringify(probe)] },
    socketPaths,
    files,
    logLevel,
  });
}

/** By their names, as the file has them. */
function givenFlags(command: Command): Record<string, unknown> {
  const given = command.options.map((option): [string, unknown] => [
    option.name(),
    command.getOptionValue(option.attributeName()),
  ]);
  return Object.fromEntries(
    given.filter(([name, value]) => value !== undefined && name !== 'debug'),
  );
}

function userId(): number {
  return process.getuid?.() ?? 0;
}
