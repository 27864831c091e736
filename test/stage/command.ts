import { spawnSync } from 'node:child_process';

/** Runs a command to its end and gives its standard output. @throws Error with what it complained */
export function run(command: string, ...args: string[]): string {
  const { status, stdout, stderr, error } = spawnSync(command, args, { encoding: 'utf8' });
  if (error !== undefined) throw error;
  if (status !== 0) {
    throw new Error(`${[command, ...args].join(' ')}: exit ${status ?? 'by signal'}: ${stderr}`);
  }
  return stdout;
}
