/** `tapmap who NAME|PID`: the question, answered in a sentence or two. */
import { InvalidArgumentError, type Command } from 'commander';
import { TapBindingFilter, View } from '../gen/tapmap/v1/tap_binding_service.js';
import type { Coverage } from '../gen/tapmap/v1/coverage.js';
import { Verdict, type TapBinding } from '../gen/tapmap/v1/tap_binding.js';
import { listFrom } from '../client/list-tap-bindings.js';
import { deviceAnswer, deviceWords, processAnswer } from './answer.js';
import { commandErrorOf } from './call-failure.js';
import {
  addClientFlags,
  clientCommand,
  notify,
  serverOf,
  type ClientFlags,
} from './client-command.js';
import { byPlace } from './columns.js';
import { CommandError } from './command-error.js';
import { coverageNotices, plural } from './coverage.js';
import { printable } from './escape.js';
import { checkedNetns, globOf, netnsFields } from './filter.js';
import { print, type Io } from './io.js';
import { printJson } from './list.js';
import { withProgress } from './progress.js';

type WhoFlags = ClientFlags & { readonly fresh: boolean };

export function whoCommand(io: Io): Command {
  const command = clientCommand('who', 'tell who holds a device, or what a process holds')
    .argument('<name|pid>', 'name of a device, NETNS/NAME as watch shows it, or a process id')
    .option('--fresh', 'scan now, instead of telling the live state', false)
    .option('--json', 'one JSON document, as list --json prints', false);
  addClientFlags(command);
  return command.addHelpText('after', HELP).action(async (what: string, flags: WhoFlags) => {
    await who(what, flags, io);
  });
}

const HELP = `
All devices of that name are told, with what tells them apart. A number is looked up both
as a process id and as a device name. What could not be looked at is told on stderr.

Exit: 0 answered, 1 no such device or the process holds none, 2 bad usage,
3 no server or refused, 4 internal.

Examples:
  tapmap who tap0
  tapmap who $$
`;

/** What was asked for. */
interface Question {
  readonly pid: number | null;
  readonly name: string;
  /** As given before the last slash. */
  readonly netns: string | null;
}

/** pid_t is an int. */
const PID_MAX = 0x7fff_ffff;

async function who(what: string, flags: WhoFlags, io: Io): Promise<void> {
  const server = serverOf(flags, io);
  const question = parseQuestion(what);
  const request = { filter: filtersOf(question), view: View.VIEW_BASIC, fresh: flags.fresh };
  const answer = await withProgress(io, `asking ${server.address}`, () =>
    listFrom(server, request, flags.timeout),
  ).catch((error: unknown) => {
    throw commandErrorOf(error, server.address);
  });
  const { coverage } = answer.summary;
  const matched = answer.bindings
    .map((binding) => ({ binding, as: matchOf(question, binding) }))
    .filter(({ as }) => as.held || as.named || as.hinted);
  if (flags.json) {
    await printJson({ ...answer, bindings: matched.map(({ binding }) => binding) }, io);
  } else {
    const told = matched.toSorted((a, b) => byPlace(a.binding, b.binding));
    await print(
      io.stdout,
      paragraphs(question, told)
        .map((line) => `${line}\n`)
        .join(''),
    );
    await notify(io, 'who', coverageNotices(coverage));
  }
  if (matched.length === 0) throw new CommandError('NO_MATCH', nothing(question, coverage));
}

interface Match {
  readonly binding: TapBinding;
  readonly as: { readonly held: boolean; readonly named: boolean; readonly hinted: boolean };
}

function paragraphs(question: Question, matches: readonly Match[]): string[] {
  const pid = question.pid ?? 0;
  const held = matches.filter(({ as }) => as.held);
  const hinted = matches.filter(({ as }) => as.hinted && !as.held);
  const named = matches.filter(({ as }) => as.named);
  return [
    ...held.map(({ binding }) => processAnswer(binding, pid)),
    ...hinted.map(
      ({ binding }) =>
        `Process ${pid} may hold ${deviceWords(binding)} without a descriptor of its own: ` +
        binding.hints
          .filter((hint) => hint.pid === pid)
          .map(({ detail }) => printable(detail))
          .join('; '),
    ),
    ...(named.length > 1 ? [`${named.length} devices are named ${printable(question.name)}:`] : []),
    ...named.flatMap(({ binding }) => deviceAnswer(binding)),
  ];
}

function parseQuestion(what: string): Question {
  if (what === '') throw new CommandError('USAGE', 'the name is empty');
  const number = /^\d{1,10}$/.test(what) ? Number(what) : 0;
  const slash = what.lastIndexOf('/');
  const name = what.slice(slash + 1);
  const netns = slash === -1 ? null : what.slice(0, slash);
  if (name === '' || netns === '') {
    throw new CommandError('USAGE', `${JSON.stringify(what)} is not NAME, NETNS/NAME or PID`);
  }
  if (netns !== null) {
    try {
      checkedNetns(netns);
    } catch (error) {
      if (!(error instanceof InvalidArgumentError)) throw error;
      throw new CommandError('USAGE', `namespace ${JSON.stringify(netns)}: ${error.message}`);
    }
  }
  return { pid: number >= 1 && number <= PID_MAX ? number : null, name, netns };
}

/** In one list, so that all of the answer is of one revision. */
function filtersOf({ pid, name, netns }: Question): TapBindingFilter[] {
  const place = netns === null ? {} : netnsFields(netns);
  const device = {
    ...place,
    deviceName: globOf(name),
    netnsPath: globOf(place.netnsPath ?? ''),
  };
  return [
    TapBindingFilter.fromPartial(device),
    ...(pid === null
      ? []
      : [
          TapBindingFilter.fromPartial({ pid }),
          // The hint of a hidden holder may be about this process.
          TapBindingFilter.fromPartial({ verdict: [Verdict.VERDICT_HIDDEN] }),
        ]),
  ];
}

function matchOf({ pid, name }: Question, binding: TapBinding): Match['as'] {
  return {
    held: pid !== null && binding.holders.some(({ process }) => process?.pid === pid),
    named: binding.device?.name === name,
    hinted: pid !== null && binding.hints.some((hint) => hint.pid === pid),
  };
}

/** That there is nothing, and whether that is sure. */
function nothing({ pid, name, netns }: Question, coverage: Coverage | undefined): string {
  const where = netns === null ? '' : ` in ${netns}`;
  const noDevice = `no TAP or TUN device is named ${name}${where}`;
  const unseen = coverage?.netnsDenied ?? 0;
  const elsewhere =
    unseen === 0
      ? ''
      : `, unless it is in one of ${plural(unseen, 'namespace', 'namespaces')} that could not be looked into`;
  if (pid === null) return noDevice + elsewhere;
  const denied = coverage?.deniedProcesses.find((process) => process.pid === pid);
  const untold = (coverage?.processesDenied ?? 0) > (coverage?.deniedProcesses.length ?? 0);
  const noHold =
    denied !== undefined
      ? `what process ${pid} holds is not known: it could not be looked at (${denied.errno})`
      : untold
        ? `process ${pid} was not seen to hold a device, but may be one that could not be looked at`
        : `process ${pid} holds no TAP or TUN device`;
  return `${noHold}; ${noDevice}${elsewhere}`;
}
