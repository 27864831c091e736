// Fails when src/gen/ or docs/api.md is not what `npm run generate` makes of proto/ now.
import { spawnSync } from 'node:child_process';
import { cpSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const GENERATED = ['src/gen', 'docs/api.md'];

const kept = mkdtempSync(join(tmpdir(), 'tapmap-gen-'));
try {
  for (const path of GENERATED) cpSync(path, join(kept, path), { recursive: true });
  const generate = spawnSync('npm', ['run', '--silent', 'generate'], { stdio: 'inherit' });
  if (generate.status !== 0) process.exit(1);
  for (const path of GENERATED) {
    const diff = spawnSync('diff', ['-r', join(kept, path), path], { stdio: 'inherit' });
    if (diff.status === 0) continue;
    console.error(`${path} is out of date: it has been generated anew, commit it`);
    process.exitCode = 1;
  }
} finally {
  rmSync(kept, { recursive: true });
}
