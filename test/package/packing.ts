/** The package as npm packs it, installed into a project that knows of nothing else. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

export const REPOSITORY = fileURLToPath(new URL('../..', import.meta.url));

interface Manifest {
  readonly dependencies: Readonly<Record<string, string>>;
}

/** What packing needs, and something of what must not be packed. */
const COPIED = [
  'package.json',
  'package-lock.json',
  '.npmrc',
  'README.md',
  'CHANGELOG.md',
  'LICENSE',
  'tsconfig.json',
  'tsconfig.build.json',
  'proto',
  'src',
  'bpf',
  'tools',
  'docs',
  'test/package',
];

export interface Packed {
  /** Where all of it is; to be removed by the test. */
  readonly directory: string;
  readonly tarball: string;
  /** Paths in the tarball. */
  readonly files: readonly string[];
  /** A project into which the tarball is installed. */
  readonly project: string;
}

/** Packs a copy, as packing builds anew and other tests run what is built here. */
export function pack(): Packed {
  // Under another user the server has to read it, too.
  const directory = mkdtempSync(join(tmpdir(), 'tapmap-package-'));
  run('chmod', ['755', directory], directory);
  const copy = join(directory, 'copy');
  for (const path of COPIED) cpSync(join(REPOSITORY, path), join(copy, path), { recursive: true });
  symlinkSync(join(REPOSITORY, 'node_modules'), join(copy, 'node_modules'));
  // Of an earlier build: a file whose source is gone, and what only builds need.
  mkdirSync(join(copy, 'dist/cli'), { recursive: true });
  for (const old of ['cli/gone.js', 'main.js.map', '.built', '.tsbuildinfo']) {
    writeFileSync(join(copy, 'dist', old), '');
  }
  const [packed] = JSON.parse(npm(copy, 'pack', '--json')) as {
    filename: string;
    files: { path: string }[];
  }[];
  assert.ok(packed !== undefined);
  const tarball = join(copy, packed.filename);
  const files = packed.files.map(({ path }) => path);
  return { directory, tarball, files, project: install(directory, tarball) };
}

/**
 * By npm, and without a registry: what the package depends on is linked from the repository. Only what
 * it says that it depends on, and the types of Node, which it says a program needs.
 */
function install(directory: string, tarball: string): string {
  const project = join(directory, 'project');
  const text = readFileSync(join(REPOSITORY, 'package.json'), 'utf8');
  const { dependencies } = JSON.parse(text) as Manifest;
  const linked = Object.fromEntries(
    [...Object.keys(dependencies), '@types/node'].map((name): [string, string] => [
      name,
      `file:${join(REPOSITORY, 'node_modules', name)}`,
    ]),
  );
  const manifest = {
    private: true,
    type: 'module',
    dependencies: { tapmap: `file:${tarball}`, ...linked },
  };
  mkdirSync(project);
  writeFileSync(join(project, 'package.json'), JSON.stringify(manifest));
  npm(project, 'install', '--offline', '--ignore-scripts', '--install-links=false');
  return project;
}

/** With a cache of its own, which the user that runs the test can write to. */
function npm(cwd: string, ...args: string[]): string {
  return run('npm', [...args, '--cache', join(cwd, '../npm-cache'), '--no-update-notifier'], cwd);
}

/** Its standard output. */
export function run(command: string, args: readonly string[], cwd: string): string {
  const { status, error, stdout, stderr } = spawnSync(command, args, { cwd, encoding: 'utf8' });
  assert.equal(error, undefined);
  assert.equal(status, 0, `${command} ${args.join(' ')}: ${stdout}${stderr}`);
  return stdout;
}
