/** `tapmap watch`: the devices, then one line a change. */
import type { Command } from 'commander';
import {
  View,
  type WatchTapBindingsRequest,
  type WatchTapBindingsResponse,
} from '../gen/tapmap/v1/tap_binding_service.js';
import type { Coverage } from '../gen/tapmap/v1/coverage.js';
import type { BindingChange } from '../client/change.js';
import { Replay } from '../client/replay.js';
import { watchMessages, type WatchItem } from '../client/watch-messages.js';
import { commandErrorOf } from './call-failure.js';
import { changeLine } from './change-words.js';
import {
  addClientFlags,
  clientCommand,
  notify,
  serverOf,
  type ClientFlags,
} from './client-command.js';
import { CommandError } from './command-error.js';
import { coverageNotices } from './coverage.js';
import { addFilterFlags, filterOf, type FilterFlags } from './filter.js';
import { painter, print, type Io, type Paint } from './io.js';
import { addTableFlags, COLUMNS_HELP, printTable, type TableFlags } from './list.js';
import { withProgress } from './progress.js';

type WatchFlags = ClientFlags &
  FilterFlags &
  TableFlags & { readonly updatesOnly: boolean; readonly reconnect: boolean };

export function watchCommand(io: Io): Command {
  const command = clientCommand('watch', 'list them, then print every change as it happens')
    .option('--updates-only', 'leave the list out: only changes from now on', false)
    .option('--no-reconnect', 'end with exit code 3 when the server goes away (default: reconnect)')
    .option('--json', 'one JSON object a line: the proto3 JSON of WatchTapBindings', false);
  addTableFlags(command);
  addFilterFlags(command);
  addClientFlags(command);
  return command.addHelpText('after', HELP).action(async (flags: WatchFlags) => {
    await watch(flags, io);
  });
}

const HELP = `
A change is a line: time, + (came), ~ (changed) or - (went), NETNS/NAME, what differs:
  12:30:45.123  ~ fooz/tap0  holder 123 qemu -> none  HELD -> UNHELD
With a filter, + and - also tell what came to match and what matches no longer.
In a pipe the time is UTC, as in 2026-01-31T12:30:45.123Z. Ctrl-C ends it (exit 0).
When the server goes away, that is told on stderr; watch reconnects and goes on.
${COLUMNS_HELP}
Exit: 0 interrupted, 2 bad usage, 3 no server or refused, 4 internal.

Examples:
  tapmap watch --netns host
  tapmap watch --verdict unheld --updates-only --json
`;

async function watch(flags: WatchFlags, io: Io): Promise<void> {
  const server = serverOf(flags, io);
  const { address } = server;
  const request: WatchTapBindingsRequest = {
    filter: filterOf(flags),
    view: flags.full ? View.VIEW_FULL : View.VIEW_BASIC,
    resumeToken: '',
    // To say what differs takes what was there before: a table asks for it and keeps it to itself.
    updatesOnly: flags.updatesOnly && flags.json,
    progressInterval: undefined,
  };
  const printer = flags.json ? await jsonPrinter(io) : tablePrinter(flags, io);
  const { signal, release } = interruption(io);
  const { timeout, reconnect } = flags;
  const items = watchMessages(server, request, {
    persistent: false,
    startTimeout: timeout,
    answerTimeout: timeout,
    reconnect,
    signal,
  });
  try {
    let next = await withProgress(io, `asking ${address}`, () => items.next());
    for (; next.done !== true; next = await items.next()) {
      const item = next.value;
      if (item.kind === 'message') {
        await printer.message(item.message);
      } else {
        printer.interrupted();
        await notify(io, 'watch', [connectionNotice(item, address)]);
      }
    }
    if (!signal.aborted) throw endedByServer(address);
  } catch (error) {
    throw commandErrorOf(error, address);
  } finally {
    await items.return();
    release();
  }
}

function connectionNotice(item: Exclude<WatchItem, { kind: 'message' }>, address: string): string {
  if (item.kind === 'connected') return 'connected again';
  const why = item.error === null ? endedByServer(address) : commandErrorOf(item.error, address);
  return `${why instanceof Error ? why.message : String(why)} (reconnecting)`;
}

function endedByServer(address: string): CommandError {
  return new CommandError('NO_SERVER', `the server at ${address} ended the stream`);
}

interface Printer {
  message(message: WatchTapBindingsResponse): Promise<void>;
  interrupted(): void;
}

async function jsonPrinter(io: Io): Promise<Printer> {
  const { watchJson } = await import('./json.js');
  return {
    message: async (message) => {
      await print(io.stdout, watchJson(message));
    },
    interrupted: () => undefined,
  };
}

function tablePrinter(flags: WatchFlags, io: Io): Printer {
  const replay = new Replay();
  const paint = painter(io.stdout, io.env);
  let listed = false;
  let told: readonly string[] = [];
  const tellCoverage = async (coverage: Coverage): Promise<void> => {
    const notices = coverageNotices(coverage);
    const news = notices.filter((notice) => !told.includes(notice));
    const whole = notices.length === 0 && told.length > 0 ? ['everything can be seen again'] : [];
    told = notices;
    await notify(io, 'watch', [...news, ...whole]);
  };
  return {
    interrupted: () => {
      replay.interrupted();
    },
    message: async (message) => {
      const news = replay.apply(message);
      const time = message.observeTime ?? new Date();
      switch (news?.kind) {
        case 'snapshot':
          if (listed) await printChanges(news.changes, time, io, paint);
          else if (!flags.updatesOnly) await printTable([...replay.bindings.values()], flags, io);
          listed = true;
          if (news.coverage !== null) await tellCoverage(news.coverage);
          break;
        case 'changes':
          await printChanges(news.changes, time, io, paint);
          break;
        case 'coverage':
          await tellCoverage(news.coverage);
          break;
        case 'progress':
        case undefined:
      }
    },
  };
}

const STYLE = { added: 'green', removed: 'red', modified: 'yellow', moved: 'cyan' } as const;

async function printChanges(
  changes: readonly BindingChange[],
  time: Date,
  io: Io,
  paint: Paint,
): Promise<void> {
  const at = io.stdout.isTTY === true ? localTime(time) : time.toISOString();
  const lines = changes.flatMap((change) => {
    const line = changeLine(change);
    return line === null ? [] : [`${at}  ${paint(STYLE[change.kind], line)}\n`];
  });
  if (lines.length > 0) await print(io.stdout, lines.join(''));
}

function localTime(time: Date): string {
  const two = (value: number): string => value.toString().padStart(2, '0');
  const clock = [time.getHours(), time.getMinutes(), time.getSeconds()].map(two).join(':');
  return `${clock}.${time.getMilliseconds().toString().padStart(3, '0')}`;
}

/** Ends when the person wants it to. */
function interruption(io: Io): { signal: AbortSignal; release: () => void } {
  if (io.interrupt !== undefined) return { signal: io.interrupt, release: () => undefined };
  const controller = new AbortController();
  const stop = (): void => {
    controller.abort();
  };
  const signals = ['SIGINT', 'SIGTERM'] as const;
  for (const name of signals) process.once(name, stop);
  return {
    signal: controller.signal,
    release: () => {
      for (const name of signals) process.removeListener(name, stop);
    },
  };
}
