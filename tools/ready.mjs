// `node tools/ready.mjs serve|test`: makes a clone ready to serve or to test, with nothing but Node and
// npm. Installs and builds what is missing or old, says in one line each what this machine lacks, and
// is silent when there is nothing to do.
import { spawnSync } from 'node:child_process';
import {
  existsSync,
  readdirSync,
  readFileSync,
  statSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { buildBpf, isBpfBuilt } from './bpf.mjs';
import { limitsOfServing, limitsOfTesting } from './limits.mjs';

const OLDEST_NODE = [20, 19];

process.chdir(fileURLToPath(new URL('..', import.meta.url)));

function fail(message) {
  console.error(`tapmap: ${message}`);
  process.exit(1);
}

function say(message) {
  console.error(`tapmap: ${message}`);
}

function checkPlatform() {
  const [major, minor] = process.versions.node.split('.').map(Number);
  if (major < OLDEST_NODE[0] || (major === OLDEST_NODE[0] && minor < OLDEST_NODE[1])) {
    fail(`Node ${process.versions.node} is too old: ${OLDEST_NODE.join('.')} or later is needed`);
  }
  if (process.platform !== 'linux') {
    fail(`this is ${process.platform}, and tapmap asks the Linux kernel: nothing works here`);
  }
}

/** The packages of a lock file: path -> entry. Unset when it is missing or broken. */
function packages(file) {
  try {
    return JSON.parse(readFileSync(file, 'utf8')).packages;
  } catch {
    return undefined;
  }
}

/** Whether node_modules holds what package-lock.json says. npm writes its own list there last. */
function isInstalled() {
  const installed = packages('node_modules/.package-lock.json');
  const wanted = packages('package-lock.json');
  if (wanted === undefined) fail('package-lock.json is missing or broken: the clone is incomplete');
  if (installed === undefined) return false;
  return Object.entries(wanted).every(([path, { version, optional, devOptional, link }]) => {
    if (path === '' || link) return true;
    const have = installed[path];
    // Packages for other platforms are optional and not there.
    return have === undefined ? Boolean(optional || devOptional) : have.version === version;
  });
}

function newest(path) {
  const { mtimeMs } = statSync(path);
  if (!statSync(path).isDirectory()) return mtimeMs;
  return Math.max(mtimeMs, ...readdirSync(path).map((entry) => newest(join(path, entry))));
}

const STAMP = 'dist/.built';

/** Whether dist/ was built from the sources and packages that are there now. */
function isBuilt() {
  if (!existsSync('dist/main.js') || !existsSync(STAMP)) return false;
  const sources = ['src', 'tsconfig.json', 'tsconfig.build.json', 'package-lock.json'];
  return Math.max(...sources.map(newest)) <= statSync(STAMP).mtimeMs;
}

function npm(what, ...args) {
  say(`${what} ...`);
  const { status, error, stdout } = spawnSync('npm', args, {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  if (error !== undefined) fail(`npm does not start: ${error.message}`);
  if (status === 0) return;
  // tsc complains on standard output.
  process.stderr.write(stdout);
  fail(`npm ${args.join(' ')} failed (exit ${status}): see above`);
}

function build() {
  // Sources that change while the build runs are newer than the stamp.
  const start = new Date();
  npm('building', 'run', '--silent', 'build');
  writeFileSync(STAMP, '');
  utimesSync(STAMP, start, start);
}

/** Without a compiler, or libbpf's headers, open files are found by walking /proc. */
function buildBpfIfPossible() {
  const failure = buildBpf();
  if (failure === null || failure.missing) return;
  say(`bpf/ does not compile, so open files are found by walking /proc:\n${failure.message}`);
}

const purpose = process.argv[2];
if (purpose !== 'serve' && purpose !== 'test') fail('usage: node tools/ready.mjs serve|test');
checkPlatform();
if (!isInstalled()) npm('installing packages', 'ci', '--no-progress', '--loglevel=error');
if (!isBuilt()) build();
if (!isBpfBuilt()) buildBpfIfPossible();
for (const limit of purpose === 'serve' ? limitsOfServing() : limitsOfTesting()) say(limit);
