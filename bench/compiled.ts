import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

let directory: string | undefined;

function outputDirectory(): string {
  if (directory === undefined) {
    const made = mkdtempSync(join(tmpdir(), 'tapmap-bench-'));
    directory = made;
    process.on('exit', () => {
      rmSync(made, { recursive: true, force: true });
    });
  }
  return directory;
}

/**
 * Compiles `bench/NAME.c` and gives the path of the program, which is removed when this process exits.
 * @throws Error when the program does not compile
 */
export function compiled(name: 'actor' | 'crowd' | 'walk'): string {
  const source = fileURLToPath(new URL(`./${name}.c`, import.meta.url));
  const program = join(outputDirectory(), name);
  const flags = ['-O2', '-pthread', '-Wall', '-Wextra', '-Werror', '-o', program, source];
  const { status, error, stderr } = spawnSync('cc', flags, { encoding: 'utf8' });
  if (error !== undefined) throw error;
  if (status !== 0) throw new Error(`${name}.c does not compile:\n${stderr}`);
  return program;
}
