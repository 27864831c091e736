/** The command line: picks the command, and turns what comes of it into one line and an exit code. */
import { readFileSync } from 'node:fs';
import { inspect } from 'node:util';
import { Command, CommanderError } from 'commander';
import { debugFlag } from './client-command.js';
import { CommandError, EXIT } from './command-error.js';
import { printable } from './escape.js';
import { processIo, ReaderGone, type Io } from './io.js';

/**
 * Runs `tapmap ARGV...` (`argv` without node and script) and returns the exit code: 0 done, 1 nothing
 * matched, 2 bad usage, 3 no server or refused, 4 internal.
 */
export async function run(argv: readonly string[], io: Io = processIo()): Promise<number> {
  // A pipe whose reader went away is told to each write; the event must not end the process.
  for (const output of [io.stdout, io.stderr]) output.on('error', () => undefined);
  const context = { command: '', debug: argv.includes('--debug') };
  try {
    const program = await programFor(argv, io);
    adopt(program, io, (command) => {
      context.command = command === program ? '' : command.name();
    });
    await program.parseAsync(argv, { from: 'user' });
    return 0;
  } catch (error) {
    return report(error, context, io);
  }
}

const EXAMPLES = `
Exit: 0 done, 1 nothing matched, 2 bad usage, 3 no server or refused, 4 internal.

Examples:
  tapmap list
  tapmap who tap0
`;

async function programFor(argv: readonly string[], io: Io): Promise<Command> {
  const program = new Command('tapmap')
    .description('tell which process is behind a TAP or TUN device, and in which network namespace')
    .version(version(), '-V, --version', 'print the version')
    .helpOption('-h, --help', 'print what a command does and takes')
    .addOption(debugFlag())
    .addHelpText('after', EXAMPLES);
  const words = argv.filter((word) => !word.startsWith('-'));
  const wanted = words[0] === 'help' ? words[1] : words[0];
  for (const { name, purpose, load, hidden = false } of COMMANDS) {
    // Only the one that runs is loaded: no command pays for the others' start-up.
    const command = wanted === name ? await load(io) : new Command(name).description(purpose);
    program.addCommand(command, { hidden });
  }
  return program;
}

const COMMANDS: readonly {
  readonly name: string;
  readonly purpose: string;
  readonly load: (io: Io) => Promise<Command>;
  readonly hidden?: boolean;
}[] = [
  {
    name: 'serve',
    purpose: 'find who holds which device and tell it over gRPC',
    load: async () => (await import('./serve.js')).serveCommand(),
  },
  {
    name: 'list',
    purpose: 'list TAP and TUN devices and who holds them',
    load: async (io) => (await import('./list.js')).listCommand(io),
  },
  {
    name: 'watch',
    purpose: 'list them, then print every change as it happens',
    load: async (io) => (await import('./watch.js')).watchCommand(io),
  },
  {
    name: 'who',
    purpose: 'tell who holds a device, or what a process holds',
    load: async (io) => (await import('./who.js')).whoCommand(io),
  },
  {
    name: 'doctor',
    purpose: 'tell what this kernel and these rights allow, and what is missing costs',
    load: async (io) => (await import('./doctor.js')).doctorCommand(io),
  },
  {
    name: 'completion',
    purpose: 'print a script that completes what is typed in a shell',
    load: async (io) => (await import('./completion/command.js')).completionCommand(io),
  },
  {
    name: 'complete',
    purpose: 'what may stand at the end of a command line',
    load: async (io) => {
      const { completeCommand } = await import('./completion/command.js');
      return completeCommand(io, (words) => programFor(words, io));
    },
    hidden: true,
  },
];

/** The same manners for every command, whoever made it: no exit, no printing of errors. */
function adopt(command: Command, io: Io, entered: (command: Command) => void): void {
  command
    .exitOverride((error) => {
      entered(command);
      throw error;
    })
    .configureOutput({
      writeOut: (text) => io.stdout.write(text),
      writeErr: (text) => io.stderr.write(text),
      outputError: () => undefined,
      getOutHelpWidth: () => helpWidth(io.stdout.columns),
      getErrHelpWidth: () => helpWidth(io.stderr.columns),
    })
    .hook('preAction', (_hooked, acting) => {
      entered(acting);
    });
  for (const child of command.commands) adopt(child, io, entered);
}

const HELP_WIDTH = { least: 60, most: 100 };

function helpWidth(columns: number | undefined): number {
  return Math.min(Math.max(columns ?? HELP_WIDTH.most, HELP_WIDTH.least), HELP_WIDTH.most);
}

function report(error: unknown, context: { command: string; debug: boolean }, io: Io): number {
  if (error instanceof ReaderGone) return 0;
  const what = context.command === '' ? '' : `${context.command}: `;
  const say = (why: string): void => {
    io.stderr.write(`tapmap: ${what}${printable(why.replace(/\s*\n\s*/g, ' '))}\n`);
    if (context.debug) io.stderr.write(`${inspect(error)}\n`);
  };
  if (error instanceof CommanderError) {
    // Help and version that were asked for; help because no command was named is bad usage.
    if (error.exitCode === 0) return 0;
    if (error.code !== 'commander.help') {
      const help = ['tapmap', context.command, '--help'].filter((word) => word !== '').join(' ');
      say(`${error.message.replace(/^error: /, '')} (see ${help})`);
    }
    return EXIT.USAGE;
  }
  if (error instanceof CommandError) {
    say(error.message);
    return EXIT[error.code];
  }
  const why = error instanceof Error ? error.message : String(error);
  say(`internal error: ${why}${context.debug ? '' : ' (--debug shows where)'}`);
  return EXIT.INTERNAL;
}

function version(): string {
  const file = new URL('../../package.json', import.meta.url);
  const manifest = JSON.parse(readFileSync(file, 'utf8')) as { version: string };
  return manifest.version;
}
