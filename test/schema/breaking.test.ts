import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { cpSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { fileURLToPath } from 'node:url';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const BIN = join(ROOT, 'node_modules/.bin');

function obstacle(): string | false {
  if (!existsSync(join(BIN, 'buf'))) return 'buf is not installed';
  for (const command of ['git', 'tar']) {
    if (spawnSync(command, ['--version']).error !== undefined) return `no ${command}`;
  }
  return false;
}

const skip = obstacle();
const MESSAGES = 'proto/tapmap/v1/tap_binding_service.proto';

/** A clone as CI may have it: what is compared, and what compares. */
class Clone {
  readonly directory: string;

  constructor(t: TestContext) {
    this.directory = mkdtempSync(join(tmpdir(), 'tapmap-breaking-'));
    t.after(() => {
      rmSync(this.directory, { recursive: true });
    });
    for (const path of ['proto', 'buf.yaml', 'tools/breaking.mjs']) {
      cpSync(join(ROOT, path), join(this.directory, path), { recursive: true });
    }
  }

  git(...args: string[]): void {
    const settings = ['user.name=a', 'user.email=a@b', 'init.defaultBranch=main', 'gc.auto=0'];
    const options = settings.flatMap((setting) => ['-c', setting]);
    const { status, stderr } = this.#run('git', [...options, ...args]);
    assert.equal(status, 0, stderr);
  }

  commit(): void {
    this.git('add', '.');
    this.git('commit', '-q', '--allow-empty', '-m', 'a commit');
  }

  edit(from: string, to: string): void {
    const file = join(this.directory, MESSAGES);
    const text = readFileSync(file, 'utf8');
    assert.ok(text.includes(from), `there is no ${from}`);
    writeFileSync(file, text.replace(from, to));
  }

  /** What `npm run proto:breaking` says. */
  compare(): { readonly isCompatible: boolean; readonly said: string } {
    const { status, stdout, stderr } = this.#run(process.execPath, ['tools/breaking.mjs']);
    return { isCompatible: status === 0, said: stdout + stderr };
  }

  #run(command: string, args: string[]) {
    // Not the settings of whoever runs the tests, nor the repository of a hook that does.
    const git = { GIT_CONFIG_GLOBAL: '/dev/null', GIT_CONFIG_NOSYSTEM: '1', HOME: this.directory };
    const env = { PATH: `${BIN}${delimiter}${process.env['PATH'] ?? ''}`, ...git };
    return spawnSync(command, args, { cwd: this.directory, encoding: 'utf8', env });
  }
}

const FIELD = '  string resume_token = 3;\n  // What was looked at, and what could not be seen.\n';

test('a field that is removed is told by name, and what it is held against', { skip }, (t) => {
  const clone = new Clone(t);
  clone.git('init', '-q');
  clone.commit();
  clone.git('tag', 'v1.0.0');
  clone.edit(FIELD, '');
  const { isCompatible, said } = clone.compare();
  assert.equal(isCompatible, false);
  assert.match(said, /field "3" with name "resume_token" on message "ListSummary" was deleted/);
  assert.match(said, /^proto: breaks clients of v1\.0\.0$/m);
});

test('so is a number that is given away, or a type that changes', { skip }, (t) => {
  const clone = new Clone(t);
  clone.git('init', '-q');
  clone.commit();
  clone.commit();
  clone.edit('uint64 revision = 2;', 'string revision = 2;');
  assert.equal(clone.compare().isCompatible, false);
  clone.edit('string revision = 2;', 'uint64 revision = 22;');
  assert.equal(clone.compare().isCompatible, false);
});

test('a field that is added breaks nobody', { skip }, (t) => {
  const clone = new Clone(t);
  clone.git('init', '-q');
  clone.commit();
  clone.git('tag', 'v1.0.0');
  clone.edit(FIELD, `${FIELD}  string more = 99;\n`);
  assert.deepEqual(clone.compare(), {
    isCompatible: true,
    said: 'proto: compatible with v1.0.0\n',
  });
});

test(
  'the last release counts, not one that was only tried, nor one of another branch',
  { skip },
  (t) => {
    const clone = new Clone(t);
    clone.git('init', '-q');
    clone.commit();
    for (const tag of ['v0.9.0', 'v0.10.0', 'v0.11.0-rc.1', 'other']) clone.git('tag', tag);
    clone.git('checkout', '-q', '-b', 'elsewhere');
    clone.commit();
    clone.git('tag', 'v2.0.0');
    clone.git('checkout', '-q', 'main');
    assert.match(clone.compare().said, /compatible with v0\.10\.0/);
  },
);

test('without a release it is held against where its branch began', { skip }, (t) => {
  const clone = new Clone(t);
  clone.git('init', '-q');
  clone.commit();
  clone.git('checkout', '-q', '--detach');
  clone.edit('uint64 revision = 2;', 'string revision = 2;');
  clone.commit();
  clone.commit();
  const { isCompatible, said } = clone.compare();
  assert.equal(isCompatible, false);
  assert.match(said, /breaks clients of main as of [0-9a-f]{10}/);
});

test('main that moved on does not count as what is missing here', { skip }, (t) => {
  const clone = new Clone(t);
  clone.git('init', '-q');
  clone.commit();
  clone.git('branch', 'mine');
  clone.edit(FIELD, `${FIELD}  string more = 99;\n`);
  clone.commit();
  clone.git('checkout', '-q', 'mine');
  clone.commit();
  assert.equal(clone.compare().isCompatible, true);
});

test('on main it is held against the commit before', { skip }, (t) => {
  const clone = new Clone(t);
  clone.git('init', '-q');
  clone.commit();
  clone.edit('uint64 revision = 2;', 'string revision = 2;');
  clone.commit();
  assert.match(clone.compare().said, /breaks clients of HEAD~1/);
});

test('without any history that is said, and nothing fails', { skip }, (t) => {
  const clone = new Clone(t);
  const outside = 'proto: not compared: this clone has no earlier revision\n';
  assert.deepEqual(clone.compare(), { isCompatible: true, said: outside });
  clone.git('init', '-q');
  clone.commit();
  assert.deepEqual(clone.compare(), { isCompatible: true, said: outside });
});
