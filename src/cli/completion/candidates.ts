/** What may stand where the cursor is, from commander's own definitions: nothing is listed twice. */
import type { Argument, Command, Option } from 'commander';

export interface Candidate {
  readonly word: string;
  /** One line; may be empty. */
  readonly description: string;
}

export type Candidates =
  | { readonly kind: 'words'; readonly words: readonly Candidate[] }
  | { readonly kind: 'files' }
  /** Names of devices, which only a server knows. */
  | {
      readonly kind: 'devices';
      /** Of a name, as far as it is typed. */
      readonly typed: string;
      /** What goes in front of each name. */
      readonly before: string;
      /** Values of flags on the line, by commander's names for them: where the server is. */
      readonly given: Readonly<Record<string, string>>;
    };

/** Values that are names of files, by what flags call them; devices, by the flag or the argument. */
const FILES = '<file>';
const DEVICES = ['--name', 'name|pid'];

/** `--flag=value`. */
const ASSIGNED = /^(--[^=]+)=(.*)$/s;

const NONE: Candidates = { kind: 'words', words: [] };

/** `words` are those behind the name of the program; the cursor is at the end of the last one. */
export function candidates(program: Command, words: readonly string[]): Candidates {
  const typed = words.at(-1) ?? '';
  const { command, position, pending, isOver, given } = read(program, words.slice(0, -1));
  if (pending !== null) return valuesOf(pending, typed, '', given);
  if (!isOver && typed.startsWith('-')) {
    const [, flag, value] = ASSIGNED.exec(typed) ?? [];
    if (flag === undefined || value === undefined) return beginning(typed, flagsOf(command));
    const option = optionNamed(command, flag);
    return option === null ? NONE : valuesOf(option, value, `${flag}=`, given);
  }
  if (command.commands.length > 0) return beginning(typed, commandsOf(command));
  const argument = command.registeredArguments.at(position);
  return argument === undefined ? NONE : argumentsOf(argument, typed, given);
}

interface Line {
  readonly command: Command;
  /** How many arguments the command has already. */
  readonly position: number;
  /** The flag that the next word is the value of. */
  readonly pending: Option | null;
  /** There was a `--`: no flags any more. */
  readonly isOver: boolean;
  readonly given: Readonly<Record<string, string>>;
}

/** As commander would read it. */
function read(program: Command, words: readonly string[]): Line {
  let command = program;
  let position = 0;
  let pending: Option | null = null;
  let isOver = false;
  const given: Record<string, string> = {};
  for (const word of words) {
    if (pending !== null) {
      given[pending.attributeName()] = word;
      pending = null;
    } else if (!isOver && word === '--') {
      isOver = true;
    } else if (!isOver && word.startsWith('-')) {
      const [, name = word, value] = ASSIGNED.exec(word) ?? [];
      const option = optionNamed(command, name);
      if (option === null || !takesValue(option)) continue;
      if (value === undefined) pending = option;
      else given[option.attributeName()] = value;
    } else if (command.commands.length > 0 && word !== 'help') {
      command = command.commands.find((known) => known.name() === word) ?? command;
    } else {
      position++;
    }
  }
  return { command, position, pending, isOver, given };
}

function takesValue(option: Option): boolean {
  return option.required || option.optional;
}

function optionNamed(command: Command, name: string): Option | null {
  const known = [...command.options, ...(command.parent?.options ?? [])];
  return known.find(({ short, long }) => short === name || long === name) ?? null;
}

function flagsOf(command: Command): Candidate[] {
  return command
    .createHelp()
    .visibleOptions(command)
    .map(({ long, short, description }) => ({ word: long ?? short ?? '', description }));
}

function commandsOf(command: Command): Candidate[] {
  return command
    .createHelp()
    .visibleCommands(command)
    .map((known) => ({ word: known.name(), description: known.description() }));
}

type Given = Line['given'];

function valuesOf(option: Option, typed: string, before: string, given: Given): Candidates {
  if (option.flags.includes(FILES)) return { kind: 'files' };
  if (DEVICES.includes(option.long ?? '')) {
    return { kind: 'devices', typed, before, given };
  }
  return choices(option.argChoices ?? [], typed, before);
}

function argumentsOf(argument: Argument, typed: string, given: Given): Candidates {
  if (DEVICES.includes(argument.name())) {
    return { kind: 'devices', typed, before: '', given };
  }
  return choices(argument.argChoices ?? [], typed, '');
}

/** What is behind the last comma, where there are such. */
function choices(known: readonly string[], typed: string, before: string): Candidates {
  const [list = ''] = /^.*,/s.exec(typed) ?? [];
  const words = known.map((choice) => ({ word: before + list + choice, description: '' }));
  return beginning(before + typed, words);
}

function beginning(typed: string, words: readonly Candidate[]): Candidates {
  const kept = words.filter(({ word }) => word.startsWith(typed));
  return {
    kind: 'words',
    words: kept.map(({ word, description }) => ({ word, description: firstLine(description) })),
  };
}

function firstLine(text: string): string {
  return text.replace(/\s+/g, ' ').trim();
}
