// What npm runs before it packs: builds dist/ anew, so that nothing of an earlier build is in the package,
// and without source maps, as the sources are not.
import { spawnSync } from 'node:child_process';
import { chmodSync, rmSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { buildBpf } from './bpf.mjs';

process.chdir(fileURLToPath(new URL('..', import.meta.url)));

rmSync('dist', { recursive: true, force: true });
const compiler = fileURLToPath(import.meta.resolve('typescript/lib/tsc.js'));
const flags = ['--sourceMap', 'false', '--incremental', 'false', '--tsBuildInfoFile', 'null'];
const { status } = spawnSync(process.execPath, [compiler, '-p', 'tsconfig.build.json', ...flags], {
  // npm's standard output is the name of the package.
  stdio: ['ignore', process.stderr.fd, 'inherit'],
});
if (status !== 0) process.exit(status ?? 1);
chmodSync('dist/main.js', 0o755);

const failure = buildBpf();
if (failure !== null) {
  if (!failure.missing) throw new Error(`bpf/ does not compile:\n${failure.message}`);
  console.error(`tapmap: packed without the BPF finder: ${failure.message}`);
}
