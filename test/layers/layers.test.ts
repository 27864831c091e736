// That `npm run layers` finds what it is there to find, in small trees with the real rules.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { copyFileSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { fileURLToPath } from 'node:url';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));

/** Runs the check where there are only these files. */
function check(t: TestContext, files: Record<string, string>) {
  const directory = mkdtempSync(join(tmpdir(), 'tapmap-layers-'));
  t.after(() => {
    rmSync(directory, { recursive: true, force: true });
  });
  for (const file of ['.dependency-cruiser.cjs', 'package.json', 'tsconfig.json']) {
    copyFileSync(join(ROOT, file), join(directory, file));
  }
  symlinkSync(join(ROOT, 'node_modules'), join(directory, 'node_modules'));
  for (const folder of ['src', 'test', 'bench']) mkdirSync(join(directory, folder));
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(dirname(join(directory, path)), { recursive: true });
    writeFileSync(join(directory, path), text);
  }
  const { status, stdout, stderr } = spawnSync(
    process.execPath,
    [join(ROOT, 'tools', 'layers.mjs')],
    { cwd: directory, encoding: 'utf8' },
  );
  return { status, stdout, complaints: stderr.split('\n').filter((line) => line !== '') };
}

// Both of these keep every rule.
const KERNEL = { 'src/kernel/libc.ts': "import koffi from 'koffi';\nexport const libc = koffi;\n" };
const PROBE = {
  'src/probe/run.ts': "import { libc } from '../kernel/libc.js';\nexport const run = libc;\n",
};

test('a tree that keeps the rules passes, and says how much was checked', (t) => {
  const { status, stdout, complaints } = check(t, { ...KERNEL, ...PROBE });
  assert.deepEqual(complaints, []);
  assert.equal(status, 0);
  assert.match(stdout, /^layers: [1-9]\d* modules, 0 violations$/m);
});

const breaches = [
  {
    says: 'the model may not import the kernel',
    files: {
      'src/model/device.ts':
        "import { libc } from '../kernel/libc.js';\nexport const device = libc;\n",
    },
    complaint: 'layer-model: src/model/device.ts -> src/kernel/libc.ts',
  },
  {
    says: 'not even a type of it',
    files: {
      'src/kernel/kind.ts': 'export type Kind = 1;\n',
      'src/model/device.ts':
        "import type { Kind } from '../kernel/kind.js';\nexport type Device = Kind;\n",
    },
    complaint: 'layer-model: src/model/device.ts -> src/kernel/kind.ts',
  },
  {
    says: 'native code is called in the kernel room only',
    files: { 'src/inspect/ask.ts': "import koffi from 'koffi';\nexport const ask = koffi;\n" },
    complaint: /^koffi-in-kernel-only: src\/inspect\/ask\.ts -> .*node_modules\/koffi\//,
  },
  {
    says: 'nothing imports the program’s beginning',
    files: {
      'src/main.ts': 'export const main = 1;\n',
      'src/cli/again.ts': "import { main } from '../main.js';\nexport const again = main;\n",
    },
    complaint: 'nothing-imports-main: src/cli/again.ts -> src/main.ts',
  },
  {
    says: 'processes are started by the supervisor only',
    files: {
      'src/probe/shell.ts':
        "import { spawn } from 'node:child_process';\nexport const shell = spawn;\n",
    },
    complaint: /^no-subprocess-but-in-supervise: src\/probe\/shell\.ts -> (node:)?child_process$/,
  },
  {
    says: 'a file outside all rooms is refused',
    files: {
      'src/attic/old.ts': "import { libc } from '../kernel/libc.js';\nexport const old = libc;\n",
    },
    complaint: 'every-file-has-a-room: src/attic/old.ts -> src/kernel/libc.ts',
  },
  {
    says: 'two files that import each other are refused',
    files: {
      'src/store/a.ts': "import { b } from './b.js';\nexport const a = () => b;\n",
      'src/store/b.ts': "import { a } from './a.js';\nexport const b = () => a;\n",
    },
    complaint: 'no-cycles: src/store/a.ts -> src/store/b.ts',
  },
  {
    says: 'the program imports no test',
    files: {
      'test/stage/stage.ts': 'export const stage = 1;\n',
      'src/probe/staged.ts':
        "import { stage } from '../../test/stage/stage.js';\nexport const staged = stage;\n",
    },
    complaint: 'source-imports-no-test: src/probe/staged.ts -> test/stage/stage.ts',
  },
  {
    says: 'an import that leads nowhere is refused',
    files: { 'src/probe/lost.ts': "import { x } from './nowhere.js';\nexport const lost = x;\n" },
    complaint: /^resolvable: src\/probe\/lost\.ts -> \.\/nowhere\.js$/,
  },
];

for (const { says, files, complaint } of breaches) {
  test(says, (t) => {
    const { status, complaints } = check(t, { ...KERNEL, ...PROBE, ...files });
    assert.equal(status, 1);
    const isIt = (line: string) =>
      typeof complaint === 'string' ? line === complaint : complaint.test(line);
    assert.ok(complaints.some(isIt), complaints.join('\n'));
  });
}

test('a tree in which there is nothing to check is refused, not passed', (t) => {
  for (const files of [
    { 'test/a.ts': 'export const a = 1;\n' },
    { 'src/model/device.ts': 'export const device = 1;\n' },
  ]) {
    const { status, complaints } = check(t, files);
    assert.equal(status, 1);
    assert.deepEqual(complaints, ['layers: no module was checked']);
  }
});
