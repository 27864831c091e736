// Fails when src/gen/ is not what `npm run generate` makes of proto/ now.
import { spawnSync } from 'node:child_process';
import { cpSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const kept = mkdtempSync(join(tmpdir(), 'tapmap-gen-'));
try {
  cpSync('src/gen', kept, { recursive: true });
  const generate = spawnSync('npm', ['run', '--silent', 'generate'], { stdio: 'inherit' });
  if (generate.status !== 0) process.exit(1);
  const diff = spawnSync('diff', ['-r', kept, 'src/gen'], { stdio: 'inherit' });
  if (diff.status !== 0) {
    console.error('src/gen/ is out of date: it has been generated anew, commit it');
    process.exitCode = 1;
  }
} finally {
  rmSync(kept, { recursive: true });
}
