// `npm test [-- FILE|FOLDER|--node-option ...]`: runs the tests of these files and folders, or all of
// them, under node:test. Tests that need a kernel to themselves take care of that (test/stage/).
import { spawn } from 'node:child_process';
import { readdirSync, statSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

// A test that hangs is told as one, instead of the whole run being killed from outside.
const TIMEOUT_MS = 300_000;
// Every file starts processes of its own; more at once only makes each of them slow.
const MOST_FILES_AT_ONCE = 4;

process.chdir(fileURLToPath(new URL('..', import.meta.url)));

function testFiles(path) {
  if (!statSync(path).isDirectory()) return [path];
  return readdirSync(path)
    .sort()
    .flatMap((entry) => testFiles(join(path, entry)))
    .filter((file) => file.endsWith('.test.ts'));
}

const options = process.argv.slice(2).filter((argument) => argument.startsWith('-'));
const paths = process.argv.slice(2).filter((argument) => !argument.startsWith('-'));
let files;
try {
  files = (paths.length === 0 ? ['test'] : paths).flatMap(testFiles);
} catch (error) {
  console.error(`tapmap: no such test: ${error.path}`);
  process.exit(2);
}
if (files.length === 0) {
  console.error(`tapmap: no test files in ${paths.join(' ')}`);
  process.exit(2);
}

const runner = spawn(
  process.execPath,
  [
    '--import',
    'tsx',
    '--test',
    `--test-concurrency=${Math.min(availableParallelism(), MOST_FILES_AT_ONCE)}`,
    `--test-timeout=${TIMEOUT_MS}`,
    '--test-reporter=./tools/reporter.mjs',
    '--test-reporter-destination=stdout',
    ...options,
    ...files,
  ],
  { stdio: 'inherit' },
);
for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => runner.kill(signal));
runner.on('exit', (code) => {
  process.exitCode = code ?? 1;
});
