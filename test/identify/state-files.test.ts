// The files of engines: as they should be, as they should not, and while they change.
import assert from 'node:assert/strict';
import {
  appendFileSync,
  chmodSync,
  linkSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  rmSync,
  symlinkSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import fc from 'fast-check';
import {
  parseCrioConfiguration,
  parsePodmanConfiguration,
  parseStorageList,
} from '../../src/identify/container-storage-state.js';
import { parseContainerdState } from '../../src/identify/containerd-state.js';
import { parseDockerState } from '../../src/identify/docker-state.js';
import { parseCrunStatus, parseRuncState } from '../../src/identify/oci-runtime-state.js';
import { parseStatus } from '../../src/identify/libvirt-state.js';
import { parseMachine } from '../../src/identify/machined-state.js';
import { StateFiles } from '../../src/identify/state-files.js';
import { run } from '../stage/command.js';

const text = (bytes: Buffer): string => bytes.toString();

function tree(t: TestContext): { root: string; files: StateFiles } {
  const root = mkdtempSync(join(tmpdir(), 'tapmap-state-'));
  t.after(() => {
    rmSync(root, { recursive: true, force: true });
  });
  mkdirSync(`${root}/run/engine/box`, { recursive: true });
  return { root, files: new StateFiles(root) };
}

test('a file is read', (t) => {
  const { root, files } = tree(t);
  writeFileSync(`${root}/run/engine/box/state`, 'a');
  assert.equal(files.read('/run/engine', 'box/state', text), 'a');
  assert.deepEqual(files.names('/run/engine'), ['box']);
  assert.equal(files.presence('/run/engine', 'box'), 'there');
});

test('what is not there is nothing, and said to be absent', (t) => {
  const { root, files } = tree(t);
  writeFileSync(`${root}/run/file`, '');
  assert.equal(files.read('/run/engine', 'box/state', text), null);
  assert.equal(files.read('/run/none', 'box/state', text), null);
  assert.deepEqual(files.names('/run/none'), []);
  assert.deepEqual(files.names('/run/file'), []);
  for (const [directory, name] of [
    ['/run/engine', 'none'],
    ['/run/none', 'box'],
    ['/run/file', 'box'],
  ] as const) {
    assert.equal(files.presence(directory, name), 'absent');
  }
});

test('a state directory may be a link of the host, which leads no further than its root', (t) => {
  const { root, files } = tree(t);
  mkdirSync(`${root}/data/engine`, { recursive: true });
  writeFileSync(`${root}/data/engine/state`, 'a');
  symlinkSync('/data/engine', `${root}/run/moved`);
  symlinkSync('../../../../../../../etc', `${root}/run/out`);
  assert.equal(files.read('/run/moved', 'state', text), 'a');
  assert.equal(files.read('/run/out', 'passwd', text), null);
});

test('below a state directory no link is followed, and nothing leads out of it', (t) => {
  const { root, files } = tree(t);
  writeFileSync(`${root}/secret`, 'a');
  writeFileSync(`${root}/run/engine/own`, 'a');
  symlinkSync('/secret', `${root}/run/engine/box/absolute`);
  symlinkSync('../own', `${root}/run/engine/box/relative`);
  symlinkSync('/proc/self', `${root}/run/engine/linked`);
  for (const file of ['box/absolute', 'box/relative', 'linked/status', '../../secret', '/secret']) {
    assert.equal(files.read('/run/engine', file, text), null, file);
  }
  assert.equal(files.presence('/run/engine', 'linked/status'), 'unknown');
  assert.equal(files.presence('/run/engine', '../../secret'), 'unknown');
});

test('a pipe, a directory and a device are not opened: one would hang, one has effects', (t) => {
  const { root, files } = tree(t);
  run('mkfifo', `${root}/run/engine/box/pipe`);
  assert.equal(files.read('/run/engine', 'box/pipe', text), null);
  assert.equal(files.read('/run/engine', 'box', text), null);
  assert.equal(new StateFiles('/').read('/dev', 'null', text), null);
});

test('a file that is too large is not read, and takes no memory', (t) => {
  const { root, files } = tree(t);
  writeFileSync(`${root}/run/engine/box/state`, 'a');
  truncateSync(`${root}/run/engine/box/state`, 2 ** 40);
  assert.equal(files.read('/run/engine', 'box/state', text), null);
});

test('what is not of the format is nothing', (t) => {
  const { root, files } = tree(t);
  writeFileSync(`${root}/run/engine/box/state`, '['.repeat(1_000_000));
  const parse = (bytes: Buffer): unknown => JSON.parse(bytes.toString());
  assert.equal(files.read('/run/engine', 'box/state', parse), null);
});

test('what has not changed is not parsed again, and what has is, in whichever way', (t) => {
  const { root, files } = tree(t);
  const path = `${root}/run/engine/box/state`;
  let parsed = 0;
  const parse = (bytes: Buffer): string => {
    parsed++;
    return bytes.toString();
  };
  const read = (): string | null => files.read('/run/engine', 'box/state', parse);
  // A file that is not of today: one that has just changed is read each time.
  const old = `${root}/run/engine/box/old`;
  run('cp', '--preserve=timestamps', '/etc/passwd', old);
  linkSync(old, path);
  const first = read();
  assert.equal(read(), first);
  const untilNow = parsed;
  utimesSync(path, 1, 1);
  assert.equal(read(), first);
  assert.equal(parsed, untilNow + 1);
  writeFileSync(path, 'b');
  assert.equal(read(), 'b');
  writeFileSync(path, 'c');
  assert.equal(read(), 'c');
  appendFileSync(path, 'd');
  assert.equal(read(), 'cd');
  rmSync(path);
  assert.equal(read(), null);
});

test('an old file is parsed once, until it was not asked for between two sweeps', () => {
  const files = new StateFiles('/');
  let parsed = 0;
  const parse = (): number => ++parsed;
  // Of the operating system: older than a second.
  const read = (): number | null => files.read('/etc', 'passwd', parse);
  assert.deepEqual([read(), read()], [1, 1]);
  files.sweep();
  assert.equal(read(), 1);
  files.sweep();
  files.sweep();
  assert.equal(read(), 2);
});

test('a directory that may not be seen is not one without entries', (t) => {
  const { root, files } = tree(t);
  chmodSync(`${root}/run/engine`, 0);
  // Root of the host may see it all the same.
  const mayRead = files.names('/run/engine') !== null;
  assert.equal(files.presence('/run/engine', 'box'), mayRead ? 'there' : 'unknown');
  chmodSync(`${root}/run/engine`, 0o700);
});

test('reading leaves nothing open', (t) => {
  const { root, files } = tree(t);
  writeFileSync(`${root}/run/engine/box/state`, 'a');
  symlinkSync('/secret', `${root}/run/engine/box/link`);
  const before = readdirSync('/proc/self/fd').length;
  for (const file of ['box/state', 'box/link', 'box/none', 'box']) {
    files.read('/run/engine', file, text);
    files.read('/run/none', file, text);
  }
  assert.equal(readdirSync('/proc/self/fd').length, before);
});

test('no bytes make a parser do more than tell what they say, or refuse', () => {
  const parsers = [
    parseDockerState,
    parseContainerdState,
    parseCrioConfiguration,
    parsePodmanConfiguration,
    parseStorageList,
    parseRuncState,
    parseCrunStatus,
    parseMachine,
    parseStatus,
  ];
  const key = fc.constantFrom(
    ...['ID', 'Name', 'Config', 'Labels', 'annotations', 'linux', 'cgroupsPath', 'id', 'names'],
    ...[
      'init_process_pid',
      'init_process_start',
      'cgroup_paths',
      'pid',
      'cgroup-path',
      '__proto__',
    ],
    ...['io.kubernetes.pod.uid', 'io.kubernetes.cri-o.Labels', 'io.kubernetes.cri.sandbox-uid'],
  );
  const { json } = fc.letrec((tie) => ({
    json: fc.oneof(
      { depthSize: 'small' },
      fc.constantFrom<unknown>(null, true, 0, -1, 1.5, '', '/a', '{}', '[1', 'x'.repeat(5000)),
      fc.array(tie('json'), { maxLength: 3 }),
      fc.dictionary(key, tie('json'), { maxKeys: 6 }),
    ),
  }));
  const xml = fc
    .array(
      fc.constantFrom(
        ...[
          '<domstatus >',
          "<domain type='kvm' id='1'>",
          '<name>a&#x41;&lt;&#x110000;</name>',
          ' ',
          '\n',
        ],
        ...[
          '<uuid>6f1c0b1e-6b4e-4b43-9f43-2b1f0d0c9a11</uuid>',
          'SCOPE=a\\x2db',
          'CLASS=container\n',
          '=',
        ],
      ),
    )
    .map((parts) => parts.join(''));
  fc.assert(
    fc.property(
      fc.oneof(
        json.map((value) => JSON.stringify(value)),
        fc.string(),
        xml,
      ),
      (input) => {
        for (const parse of parsers) {
          let told: unknown;
          try {
            told = parse(Buffer.from(input));
          } catch (error) {
            assert.ok(error instanceof Error);
            continue;
          }
          for (const value of Object.values(told ?? {})) {
            if (typeof value === 'string') assert.ok(value.length <= 1024 || value.startsWith('/'));
          }
        }
      },
    ),
  );
});
