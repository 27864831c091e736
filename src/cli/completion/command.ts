/** `tapmap completion SHELL`, and `tapmap complete`, which its scripts ask. */
import { Argument, Command } from 'commander';
import { debugFlag } from '../client-command.js';
import { print, type Io } from '../io.js';
import { candidates, type Candidate, type Candidates } from './candidates.js';
import { deviceNames } from './devices.js';
import { completionScript, SHELLS, type Shell } from './scripts.js';

const HELP = `
Completes commands, flags, their values and files, and names of devices where a server answers at once.
For the shell that is open, as below; for all to come, put that line into ~/.bashrc, into ~/.zshrc (after
compinit), or the script into ~/.config/fish/completions/tapmap.fish.

Examples:
  source <(tapmap completion bash)
  tapmap completion fish | source
`;

export function completionCommand(io: Io): Command {
  return new Command('completion')
    .description('print a script that completes what is typed in a shell')
    .addArgument(new Argument('<shell>', 'for which shell').choices(SHELLS))
    .addOption(debugFlag())
    .addHelpText('after', HELP)
    .action(async (shell: Shell) => {
      await print(io.stdout, completionScript(shell));
    });
}

/** `programFor` makes the program with the command that words name. */
export function completeCommand(
  io: Io,
  programFor: (words: readonly string[]) => Promise<Command>,
): Command {
  return new Command('complete')
    .description('what may stand at the end of a command line')
    .argument('[word...]')
    .action(async (words: readonly string[]) => {
      const found = candidates(await programFor(words), words);
      await print(io.stdout, (await answer(found, io)).map((line) => `${line}\n`).join(''));
    });
}

async function answer(found: Candidates, io: Io): Promise<readonly string[]> {
  switch (found.kind) {
    case 'files':
      return ['files'];
    case 'words':
      return ['words', ...found.words.map(lineOf)];
    case 'devices': {
      const names = await deviceNames(found.typed, found.given, io);
      return ['words', ...names.map((name) => found.before + name)];
    }
  }
}

function lineOf({ word, description }: Candidate): string {
  return description === '' ? word : `${word}\t${description}`;
}
