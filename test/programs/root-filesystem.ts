// The root filesystem of the containers: one program, which attaches to a tap.
import { mkdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { run } from '../stage/command.js';
import { refusal } from './program.js';

const SOURCE = fileURLToPath(new URL('./attach.c', import.meta.url));

/** Why it cannot be made here, for node:test's `skip`. */
export function noStaticProgram(): string | false {
  return refusal('cc', '-static', '-o', '/dev/null', SOURCE);
}

/** Makes it at `directory`: `/attach NAME`, and the mount points that a container needs. */
export function makeRootFilesystem(directory: string): void {
  for (const mountPoint of ['dev', 'proc', 'sys', 'run'])
    mkdirSync(`${directory}/${mountPoint}`, { recursive: true });
  run('cc', '-static', '-Os', '-o', `${directory}/attach`, SOURCE);
}
