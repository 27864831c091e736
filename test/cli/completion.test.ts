import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { describe, it, test, type TestContext } from 'node:test';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { missing } from '../stage/ability.js';
import { Verdict } from '../../src/gen/tapmap/v1/tap_binding.js';
import { binding, HOST, summary } from './sample.js';
import { Shell } from './shell.js';
import { answering, stage, tapmap } from './stage.js';

/** First words of the lines that `tapmap complete` prints, without the first line. */
async function completed(...words: string[]): Promise<{ kind: string; words: string[] }> {
  const { code, out, err } = await tapmap(['complete', '--', ...words]);
  assert.deepEqual([code, err], [0, '']);
  const [kind = '', ...lines] = out.trimEnd().split('\n');
  return { kind, words: lines.map((line) => line.split('\t')[0]!) };
}

describe('what may stand at the end of a line', () => {
  it('is the commands, but for the one that scripts use', async () => {
    const { words } = await completed('');
    for (const command of ['serve', 'list', 'watch', 'who', 'doctor', 'completion', 'help']) {
      assert.ok(words.includes(command), command);
    }
    assert.ok(!words.includes('complete'));
    assert.deepEqual(await completed('w'), { kind: 'words', words: ['watch', 'who'] });
    assert.deepEqual((await completed('help', 'wa')).words, ['watch']);
  });

  it('is every flag that the help of a command has', async () => {
    for (const command of ['serve', 'list', 'watch', 'who', 'doctor', 'completion']) {
      const { out } = await tapmap([command, '--help']);
      const inHelp = [...out.matchAll(/^ +(?:-\w, )?(--[\w-]+)/gm)].map(([, flag]) => flag);
      const { words } = await completed(command, '--');
      assert.deepEqual(words.toSorted(), inHelp.toSorted(), command);
    }
  });

  it('is one of the values, where a flag or an argument has such', async () => {
    const verdicts = ['held', 'kept', 'unheld', 'hidden', 'unknown'];
    const triggers = ['rtnetlink', 'fanotify', 'process-connector', 'pidfd'];
    for (const [line, words] of [
      [['list', '--verdict', ''], verdicts],
      [
        ['watch', '--verdict', 'un'],
        ['unheld', 'unknown'],
      ],
      [
        ['list', '--verdict', 'held,un'],
        ['held,unheld', 'held,unknown'],
      ],
      [['list', '--verdict=k'], ['--verdict=kept']],
      [['list', '--kind', 'm'], ['macvtap']],
      [
        ['serve', '--finder', ''],
        ['auto', 'proc', 'bpf'],
      ],
      [['serve', '--without-trigger', ''], triggers],
      [['serve', '--log-level', 'd'], ['debug']],
      [
        ['completion', ''],
        ['bash', 'zsh', 'fish'],
      ],
    ] as const) {
      assert.deepEqual(await completed(...line), { kind: 'words', words }, line.join(' '));
    }
  });

  it('is a file, where a flag takes one', async () => {
    for (const line of [
      ['serve', '--config', ''],
      ['serve', '--tls-key=/etc/'],
      ['--debug', 'list', '--json', '--tls-ca', 'x'],
    ]) {
      assert.equal((await completed(...line)).kind, 'files', line.join(' '));
    }
  });

  it('is nothing, where anything may stand', async () => {
    for (const line of [
      ['list', '--timeout', ''],
      ['list', '--pid', '-'],
      ['list', ''],
      ['doctor', ''],
      ['completion', 'bash', ''],
      ['nonsense', '--no'],
      ['list', '--nonsense='],
    ]) {
      assert.deepEqual(await completed(...line), { kind: 'words', words: [] }, line.join(' '));
    }
  });
});

const HOSTILE = '$(id)`a`';

/** A server with devices of these names; its address. */
async function withDevices(t: TestContext, names: readonly string[]): Promise<string> {
  const bindings = names.map((name, i) => binding(HOST, i + 1, name, Verdict.VERDICT_UNHELD));
  const made = await stage(answering(bindings, summary()));
  t.after(() => made[Symbol.asyncDispose]());
  return made.address;
}

test('names of devices come from the server that the line names', async (t) => {
  const address = await withDevices(t, ['tap1', 'tap0', 'tap0', 'a\u001bb']);
  for (const line of [
    ['who', '--address', address, 'ta'],
    ['who', `--address=${address}`, ''],
    ['list', '--address', address, '--name', ''],
  ]) {
    assert.deepEqual((await completed(...line)).words, ['tap0', 'tap1'], line.join(' '));
  }
  const { words } = await completed('list', '--address', address, '--name=t');
  assert.deepEqual(words, ['--name=tap0', '--name=tap1']);
});

test('where no server answers there are none, and nothing is said', async () => {
  const nobody = 'unix:///nowhere/tapmap.sock';
  assert.deepEqual((await completed('who', '--address', nobody, '')).words, []);
  assert.deepEqual((await completed('who', '--address', 'nonsense', '')).words, []);
});

test('a server that hangs holds nobody up', async () => {
  await using hanging = await stage({ list: () => undefined });
  assert.deepEqual((await completed('who', '--address', hanging.address, '')).words, []);
});

test('another shell is bad usage', async () => {
  const { code, err } = await tapmap(['completion', 'tcsh']);
  assert.equal(code, 2);
  assert.match(err, /bash, zsh, fish/);
});

/** Typed, and what it is with Tab. */
const LINES = [
  ['tapmap wa', 'tapmap watch '],
  ['tapmap list --verd', 'tapmap list --verdict '],
  ['tapmap list --json --kind mac', 'tapmap list --json --kind macvtap '],
  ['tapmap list --verdict held,unk', 'tapmap list --verdict held,unknown '],
  ['tapmap list --verdict=unk', 'tapmap list --verdict=unknown '],
  ['tapmap serve --config /etc/passw', 'tapmap serve --config /etc/passwd'],
  ['tapmap serve --config=/etc/nsswi', 'tapmap serve --config=/etc/nsswitch.conf '],
  ['tapmap completion z', 'tapmap completion zsh '],
  ['tapmap who tap1', 'tapmap who tap123 '],
  ['tapmap list --timeout 5', 'tapmap list --timeout 5'],
] as const;

for (const name of ['bash', 'zsh'] as const) {
  const skip = missing(`command:${name}`, 'command:script');
  test(`${name} completes what a person types`, { skip }, async (t) => {
    const address = await withDevices(t, ['tap123', 'tap0']);
    await using shell = await Shell.start(name, { TAPMAP_ADDRESS: address });
    for (const [typed, expected] of LINES) {
      const line = await shell.completed(typed);
      assert.ok(line.startsWith(expected), `${typed} -> ${line}`);
    }
  });

  test(`${name} does not run what a device is called`, { skip }, async (t) => {
    const address = await withDevices(t, [HOSTILE]);
    await using shell = await Shell.start(name, { TAPMAP_ADDRESS: address });
    assert.equal(await shell.completed('tapmap who '), 'tapmap who \\$\\(id\\)\\`a\\` ');
  });
}

test('fish completes what a person types', { skip: missing('command:fish') }, async (t) => {
  const address = await withDevices(t, ['tap123', 'tap0']);
  const directory = mkdtempSync(join(tmpdir(), 'tapmap-fish-'));
  t.after(() => {
    rmSync(directory, { recursive: true });
  });
  const main = fileURLToPath(new URL('../../dist/main.js', import.meta.url));
  symlinkSync(main, join(directory, 'tapmap'));
  const PATH = directory + delimiter + (process.env['PATH'] ?? '');
  const env = { ...process.env, PATH, HOME: directory, TAPMAP_ADDRESS: address };
  const complete = async (line: string): Promise<string[]> => {
    const script = 'tapmap completion fish | source; complete -C $argv[1]';
    const args = ['--no-config', '-c', script, line];
    const { stdout, stderr } = await promisify(execFile)('fish', args, { env });
    assert.equal(stderr, '');
    return stdout.split('\n').filter((found) => found !== '');
  };
  const [found] = await complete('tapmap wa');
  assert.equal(found, 'watch\tlist them, then print every change as it happens');
  for (const [typed, expected] of LINES.filter(([typed]) => !typed.includes('timeout'))) {
    const word = expected.trim().split(' ').at(-1);
    const words = (await complete(typed)).map((line) => line.split('\t')[0]);
    assert.ok(words.includes(word), `${typed} -> ${words.join(' ')}`);
  }
  assert.deepEqual(await complete('tapmap list --timeout '), []);
});
