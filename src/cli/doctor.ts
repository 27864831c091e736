/** `tapmap doctor`: what this kernel and these rights allow. Runs without a server. */
import { Command } from 'commander';
import { checkUp, type CheckUp } from '../inspect/check-up.js';
import { HostError, thisHost } from '../inspect/host.js';
import { triggerAbilities } from '../live/trigger-abilities.js';
import { debugFlag } from './client-command.js';
import { CommandError } from './command-error.js';
import { plural } from './coverage.js';
import { painter, print, type Io } from './io.js';

const HELP = `
Looks at the host as \`tapmap serve\` would when started by the same user with the same rights:
tries each kernel feature and capability that tapmap uses, and scans once.

Exit: 0 done, whatever is missing; 2 bad usage; 3 without it tapmap cannot work at all; 4 not Linux,
or internal.

Examples:
  tapmap doctor
  tapmap doctor --json
`;

export function doctorCommand(io: Io): Command {
  return new Command('doctor')
    .description('tell what this kernel and these rights allow, and what is missing costs')
    .option('--json', 'one JSON document', false)
    .addOption(debugFlag())
    .addHelpText('after', HELP)
    .action(async ({ json }: { json: boolean }) => {
      const found = await examined().catch((error: unknown) => {
        throw error instanceof HostError
          ? new CommandError('REFUSED', error.message, error)
          : error;
      });
      await print(io.stdout, json ? `${JSON.stringify(found, null, 2)}\n` : report(found, io));
    });
}

async function examined(): Promise<CheckUp> {
  const found = await checkUp();
  return { ...found, abilities: [...found.abilities, ...triggerAbilities(thisHost())] };
}

function report({ kernel, uid, abilities, devices, coverage }: CheckUp, io: Io): string {
  const paint = painter(io.stdout, io.env);
  const width = Math.max(...abilities.map(({ name }) => name.length));
  const lines = [`Linux ${kernel}, as user ${uid}`, ''];
  for (const { name, purpose, available, cost, remedy } of abilities) {
    const mark = available ? paint('green', 'ok     ') : paint('red', 'missing');
    lines.push(`${mark}  ${name.padEnd(width)}  ${purpose}`);
    if (available) continue;
    const indent = ' '.repeat('missing'.length + 2 + width + 2);
    lines.push(`${indent}costs: ${cost}`, `${indent}to do: ${remedy}`);
  }
  const { processesSeen, processesDenied, netnsSeen, netnsDenied, scanDuration } = coverage;
  lines.push(
    '',
    `A scan took ${scanDuration.toFixed(0)} ms and found ${plural(devices, 'device', 'devices')} in ${plural(netnsSeen, 'network namespace', 'network namespaces')}.`,
    `Processes: ${processesSeen} looked at, ${denied(processesDenied, coverage.deniedProcesses)}`,
    `Network namespaces: ${netnsSeen} listed, ${denied(netnsDenied, coverage.deniedNetns)}`,
  );
  return `${lines.join('\n')}\n`;
}

/** Reasons, with how many there are of each. */
function denied(count: number, details: readonly { readonly errno: string }[]): string {
  if (count === 0) return 'none refused.';
  const reasons = [...new Set(details.map(({ errno }) => errno))].sort().join(', ');
  return `${count} refused (${reasons}).`;
}
