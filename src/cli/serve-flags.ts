/** The flags of `tapmap serve`. What they may be is said once, for flags and file: see serve-settings.ts. */
import { Option, type Command } from 'commander';
import { FINDERS, LOG_LEVELS, TRIGGERS } from './serve-settings.js';

export function addServeFlags(command: Command): Command {
  const flags = groups.flatMap(({ group, options }) =>
    options.map((option) => option.helpGroup(group)),
  );
  for (const flag of flags) command.addOption(flag);
  return command;
}

function repeats(value: string, before: readonly string[] | undefined): readonly string[] {
  return [...(before ?? []), value];
}

const groups = [
  {
    group: 'Where it listens:',
    options: [
      new Option(
        '--listen <address>',
        'unix:///PATH or tcp://HOST:PORT; repeats (default: ' +
          'unix:///run/tapmap/tapmap.sock, or $XDG_RUNTIME_DIR/tapmap/tapmap.sock for a user)',
      ).argParser(repeats),
      new Option('--socket-mode <mode>', 'of unix sockets, octal (default: 0660)'),
      new Option('--socket-owner <user>', 'of unix sockets (default: who starts the server)'),
      new Option('--socket-group <group>', 'of unix sockets (default: of who starts the server)'),
      new Option('--max-watchers <number>', 'watch streams at once (default: 10000)').argParser(
        Number,
      ),
    ],
  },
  {
    group: 'Who may ask (docs/security.md):',
    options: [
      new Option('--access-policy <file>', 'who may list, and who may see command lines'),
      new Option('--tls-certificate <file>', 'PEM chain; all TCP addresses speak TLS then'),
      new Option('--tls-key <file>', 'its private key, PEM'),
      new Option('--tls-client-ca <file>', 'clients need a certificate of these, PEM'),
      new Option(
        '--tls-without-client-certificates',
        'clients beyond loopback need no certificate (default: they do)',
      ),
      new Option('--user <name>', 'whom the answering part becomes (default as root: nobody)'),
    ],
  },
  {
    group: 'How it looks:',
    options: [
      new Option('--finder <finder>', 'how open files are found (default: auto)').choices(FINDERS),
      new Option(
        '--scan-budget <percent>',
        'of one core, for scans that find what no trigger tells (default: 1)',
      ).argParser(Number),
      new Option('--without-trigger <trigger>', 'not to listen to it; repeats')
        .choices(TRIGGERS)
        .argParser(repeats),
    ],
  },
  {
    group: 'General:',
    options: [
      new Option(
        '--metrics-listen <address>',
        'unix:///PATH or tcp://HOST:PORT: Prometheus metrics over HTTP, at /metrics (default: none)',
      ),
      new Option(
        '--config <file>',
        'YAML or JSON, a map: its keys are these flags, what repeats is a list; flags go first',
      ),
      new Option('--log-level <level>', 'what is logged on stderr (default: info)').choices(
        LOG_LEVELS,
      ),
    ],
  },
];
