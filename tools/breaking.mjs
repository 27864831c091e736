// `npm run proto:breaking`: fails when proto/ breaks clients of the last release, or where there is none, of
// the main branch. Takes what the clone has: CI's is a detached checkout, perhaps without any history.
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

process.chdir(fileURLToPath(new URL('..', import.meta.url)));

/** @returns {string | null} what git says; null when it fails, or is not there */
function git(...args) {
  const { status, stdout } = spawnSync('git', args, { encoding: 'utf8' });
  return status === 0 ? stdout.trim() : null;
}

/**
 * @returns {{commit: string, name: string} | null} what to hold proto/ against; null when the clone has no
 *   earlier revision
 */
function reference() {
  const head = git('rev-parse', 'HEAD');
  if (head === null) return null;
  const tags = git('tag', '--merged', 'HEAD', '--sort=-v:refname', '--list', 'v[0-9]*');
  const release = tags?.split('\n').find((tag) => tag !== '' && !tag.includes('-'));
  if (release !== undefined) return { commit: release, name: release };
  for (const main of ['origin/main', 'main']) {
    const commit = git('merge-base', 'HEAD', main);
    // Where it branched off: what came to main since then is not missing here. On main itself that is HEAD.
    if (commit !== null && commit !== head) {
      return { commit, name: `${main} as of ${commit.slice(0, 10)}` };
    }
  }
  const commit = git('rev-parse', '--verify', '--quiet', 'HEAD~1');
  return commit === null ? null : { commit, name: 'HEAD~1' };
}

/** Puts the proto/ of a commit into a directory. @returns {boolean} whether it has one */
function unpack(commit, directory) {
  const archive = join(directory, 'proto.tar');
  if (git('archive', '-o', archive, commit, 'proto') === null) return false;
  return spawnSync('tar', ['-xf', archive, '-C', directory]).status === 0;
}

const against = reference();
if (against === null) {
  console.log('proto: not compared: this clone has no earlier revision');
} else {
  const directory = mkdtempSync(join(tmpdir(), 'tapmap-proto-'));
  try {
    if (!unpack(against.commit, directory)) {
      console.log(`proto: not compared: ${against.name} has no proto/`);
    } else {
      const args = ['breaking', 'proto', '--against', join(directory, 'proto')];
      const { status, error } = spawnSync('buf', args, { stdio: 'inherit' });
      if (error !== undefined) throw error;
      console.log(
        `proto: ${status === 0 ? 'compatible with' : 'breaks clients of'} ${against.name}`,
      );
      process.exitCode = status ?? 1;
    }
  } finally {
    rmSync(directory, { recursive: true });
  }
}
