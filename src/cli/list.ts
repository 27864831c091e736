/** `tapmap list`: one line a device. */
import type { Command } from 'commander';
import { View } from '../gen/tapmap/v1/tap_binding_service.js';
import { listFrom, type TapBindingList } from '../client/list-tap-bindings.js';
import { commandErrorOf } from './call-failure.js';
import {
  addClientFlags,
  clientCommand,
  notify,
  serverOf,
  type ClientFlags,
} from './client-command.js';
import { bindingColumns, byPlace } from './columns.js';
import { CommandError } from './command-error.js';
import { coverageNotices } from './coverage.js';
import { addFilterFlags, filterOf, type FilterFlags } from './filter.js';
import { painter, print, widthOf, type Io } from './io.js';
import { withProgress } from './progress.js';
import { aligned, tabbed, tabbedHeader } from './table.js';
import type { TapBinding } from '../gen/tapmap/v1/tap_binding.js';

export interface TableFlags {
  readonly wide: boolean;
  readonly full: boolean;
  /** Unset: on a terminal only. */
  readonly header?: boolean;
}

type ListFlags = ClientFlags & FilterFlags & TableFlags & { readonly fresh: boolean };

export function listCommand(io: Io): Command {
  const command = clientCommand('list', 'list TAP and TUN devices and who holds them')
    .option('--fresh', 'scan now, instead of showing the live state', false)
    .option('--json', 'one JSON document: the proto3 JSON of ListTapBindings', false);
  addTableFlags(command);
  addFilterFlags(command);
  addClientFlags(command);
  return command.addHelpText('after', HELP).action(async (flags: ListFlags) => {
    await list(flags, io);
  });
}

export function addTableFlags(command: Command): Command {
  return command
    .option('--wide', 'more columns, see below', false)
    .option('--full', 'command lines instead of command names; traffic counters', false)
    .option('--header', 'print the column titles (default: on a terminal only)')
    .option('--no-header', 'do not print them');
}

export const COLUMNS_HELP = `
Columns: NETNS NAME KIND VERDICT PID COMMAND WORKLOAD WHY; with --wide also HOLDERS
IFINDEX QUEUES (found/attached+detached) FDS (pid:fd) UID USER INODE MASTER FLAGS OPENED-IN;
with --full also RX-BYTES TX-BYTES.
NETNS is \`host\` for the server's own, else its name in /run/netns, path, container or
command and pid of a process that lives there (COMM/PID), or inode.
Several holders: 1234,1240 and qemu*2 or qemu,sh. PID \`-\`: nobody; \`?\`: none was found,
which does not mean nobody: WHY tells why.
In a pipe: one device a line, fields separated by a tab, nothing cut, empty fields \`-\`,
no titles; the first five fields never contain white space, so awk '$4 == "UNHELD"' works.
What could not be looked at is told on stderr.
`;

const HELP = `${COLUMNS_HELP}
Exit: 0 listed, 1 a filter matched nothing, 2 bad usage, 3 no server or refused, 4 internal.

Examples:
  tapmap list --name 'tap*' --verdict unheld
  tapmap list --netns host --json
`;

async function list(flags: ListFlags, io: Io): Promise<void> {
  const server = serverOf(flags, io);
  const filter = filterOf(flags);
  const request = {
    filter,
    view: flags.full ? View.VIEW_FULL : View.VIEW_BASIC,
    fresh: flags.fresh,
  };
  const answer = await withProgress(io, `asking ${server.address}`, () =>
    listFrom(server, request, flags.timeout),
  ).catch((error: unknown) => {
    throw commandErrorOf(error, server.address);
  });
  const { bindings } = answer;
  if (flags.json) {
    await printJson(answer, io);
  } else {
    await printTable(bindings, flags, io);
    await notify(io, 'list', coverageNotices(answer.summary.coverage));
  }
  if (bindings.length > 0) return;
  if (filter.length > 0) throw new CommandError('NO_MATCH', 'no device matches');
  if (!flags.json) await notify(io, 'list', ['there is no TAP or TUN device']);
}

export async function printTable(
  bindings: readonly TapBinding[],
  flags: TableFlags,
  io: Io,
): Promise<void> {
  const columns = bindingColumns(flags);
  const rows = bindings.toSorted(byPlace);
  if (io.stdout.isTTY === true) {
    if (rows.length === 0) return;
    const lines = aligned(columns, rows, widthOf(io.stdout), painter(io.stdout, io.env));
    await printLines(flags.header === false ? lines.slice(1) : lines, io);
  } else {
    const titles = flags.header === true ? [tabbedHeader(columns)] : [];
    await printLines([...titles, ...tabbed(columns, rows)], io);
  }
}

export async function printJson(listing: TapBindingList, io: Io): Promise<void> {
  // Loaded on demand: the schema costs start-up time that a table need not pay.
  const { listingJson } = await import('./json.js');
  for (const piece of listingJson(listing)) await print(io.stdout, piece);
}

// So many lines go out in one write: one each would be slow, all at once may be too large a string.
const LINES_A_WRITE = 1000;

async function printLines(lines: readonly string[], io: Io): Promise<void> {
  for (let start = 0; start < lines.length; start += LINES_A_WRITE) {
    const some = lines.slice(start, start + LINES_A_WRITE);
    await print(io.stdout, some.map((line) => `${line}\n`).join(''));
  }
}
