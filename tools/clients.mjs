// The clients in clients/: what each is built with, how, and how it is run once it is.
import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const ROOT = fileURLToPath(new URL('..', import.meta.url));

/** @param {string} file of the client's folder, or a folder there */
const inside = (language, ...file) => join(ROOT, 'clients', language, ...file);

const PROTO_FILES = ['coverage', 'tap_binding', 'tap_binding_service'].map(
  (name) => `tapmap/v1/${name}.proto`,
);

const venv = (command) => inside('python', '.venv', 'bin', command);

/** `needs`: what the toolchain answers to, and the oldest version that does. `build`: in the folder. */
export const CLIENTS = [
  {
    language: 'go',
    needs: [{ command: ['go', 'version'], version: /go(\d+)\.(\d+)/, oldest: [1, 24] }],
    build: [
      ['buf', 'generate'],
      ['go', 'build', '-o', 'build/tapmap-client', '.'],
    ],
    run: [inside('go', 'build', 'tapmap-client')],
  },
  {
    language: 'python',
    needs: [
      { command: ['python3', '--version'], version: /(\d+)\.(\d+)/, oldest: [3, 10] },
      { command: ['python3', '-c', 'import ensurepip, venv'], install: 'python3-venv' },
    ],
    build: [
      ['python3', '-m', 'venv', '--clear', '.venv'],
      [venv('pip'), 'install', '--quiet', '--requirement', 'requirements.txt'],
      ['mkdir', '-p', 'gen'],
      [
        ...[venv('python'), '-m', 'grpc_tools.protoc', '-I', '../../proto'],
        ...['--python_out=gen', '--pyi_out=gen', '--grpc_python_out=gen', ...PROTO_FILES],
      ],
    ],
    run: [venv('python'), inside('python', 'tapmap_client.py')],
  },
  {
    language: 'rust',
    needs: [
      { command: ['cargo', '--version'], version: /(\d+)\.(\d+)/, oldest: [1, 85] },
      { command: ['rustc', '--version'], version: /(\d+)\.(\d+)/, oldest: [1, 85] },
    ],
    build: [['cargo', 'build', '--quiet']],
    run: [inside('rust', 'target', 'debug', 'tapmap-client')],
  },
  {
    language: 'java',
    needs: [
      { command: ['javac', '--version'], version: /(\d+)\.(\d+)/, oldest: [17, 0] },
      { command: ['mvn', '--version'], version: /(\d+)\.(\d+)/, oldest: [3, 8] },
    ],
    build: [['mvn', '--batch-mode', '--quiet', 'package']],
    run: ['java', '-jar', inside('java', 'target', 'tapmap-client.jar')],
  },
  {
    language: 'typescript',
    needs: [{ command: ['npm', '--version'] }],
    build: [
      ['npm', 'ci', '--silent', '--no-progress'],
      ['npm', 'run', '--silent', 'build'],
    ],
    run: [process.execPath, inside('typescript', 'dist', 'src', 'main.js')],
  },
];

/** Why the client cannot be built here; null when it can. */
export function missingFor({ needs }) {
  for (const { command, version, oldest, install } of needs) {
    const [name] = command;
    const { status, stdout, error } = spawnSync(name, command.slice(1), { encoding: 'utf8' });
    if (error?.code === 'ENOENT') return `${name} is not installed`;
    if (status !== 0) return `${install ?? name} is not installed, or does not run`;
    if (version === undefined) continue;
    const [, major, minor] = (version.exec(stdout) ?? []).map(Number);
    const isOld = major < oldest[0] || (major === oldest[0] && minor < oldest[1]);
    if (isOld)
      return `${name} ${major}.${minor} is too old: ${oldest.join('.')} or later is needed`;
  }
  return null;
}

// What is made there, and not written by hand.
const MADE = new Set([
  'Cargo.lock',
  'gen',
  'build',
  '.venv',
  'target',
  'dist',
  'node_modules',
  '__pycache__',
]);

function newest(path) {
  const { mtimeMs } = statSync(path);
  if (!statSync(path).isDirectory()) return mtimeMs;
  const entries = readdirSync(path).filter((entry) => !MADE.has(entry));
  // Not the folder's own time: what is made in it changes that.
  return Math.max(0, ...entries.map((entry) => newest(join(path, entry))));
}

/** Written when a build begins to be one, so that what changes meanwhile is newer. */
export const stampOf = ({ language }) => join(ROOT, 'clients', `.built-${language}`);

export const folderOf = ({ language }) => inside(language);

/** Whether what can be run was made from the sources that are there now. */
export function isClientBuilt(client) {
  const stamp = stampOf(client);
  if (!existsSync(stamp) || !existsSync(client.run.at(-1))) return false;
  const sources = [inside(client.language), join(ROOT, 'proto')];
  return Math.max(...sources.map(newest)) <= statSync(stamp).mtimeMs;
}
