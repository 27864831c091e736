import assert from 'node:assert/strict';
import { statSync } from 'node:fs';
import { dirname } from 'node:path';
import { describe, it } from 'node:test';
import { chmod, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { status } from '@grpc/grpc-js';
import { BadRequest, RetryInfo } from '../../src/gen/google/rpc/error_details.js';
import { HELD, summary } from './sample.js';
import { answering, child, failure, stage, tapmap } from './stage.js';

/** As root this takes another user, who must be able to reach Node and the code. */
const NOBODY_CANNOT_RUN =
  process.getuid?.() === 0 && ![process.execPath, import.meta.filename].every(openToAll)
    ? 'root may open any socket, and no other user can run the code from here'
    : false;

function openToAll(path: string): boolean {
  const parent = dirname(path);
  return (statSync(path).mode & 0o005) !== 0 && (parent === path || openToAll(parent));
}

async function usage(argv: string[], line: RegExp | string): Promise<void> {
  const { code, out, err } = await tapmap(argv);
  assert.deepEqual([code, out], [2, ''], argv.join(' '));
  assert.equal(err.split('\n').length, 2, 'one line');
  if (typeof line === 'string') assert.equal(err, `tapmap: ${line}\n`);
  else assert.match(err, line);
}

describe('bad usage is one line and exit code 2', () => {
  it('for flags, commands and arguments that do not exist', async () => {
    await usage(
      ['list', '--nme'],
      /^tapmap: list: unknown option '--nme' \(Did you mean --name\?\)/,
    );
    await usage(['lisst'], /^tapmap: unknown command 'lisst' \(Did you mean list\?\)/);
    await usage(['list', 'tap0'], /^tapmap: list: too many arguments/);
    await usage(['who'], /^tapmap: who: missing required argument/);
    await usage(['list', '--nam\x1b[2J'], /^tapmap: list: unknown option '--nam\\x1b\[2J'/);
  });

  it('for values that do not parse', async () => {
    for (const pid of ['x', '-1', '0', '1.5', '4294967296', '']) {
      await usage(['list', `--pid=${pid}`], /'--pid <pid>' argument '.*' is invalid\. It must be/);
    }
    await usage(
      ['list', '--verdict', 'held,gone'],
      /Choose from held, kept, unheld, hidden, unknown/,
    );
    await usage(['list', '--kind', 'veth'], /Choose from tun, tap, macvtap, ipvtap/);
    await usage(['list', '--name', ''], /It is empty/);
    await usage(['list', '--name', 'a', '--name', 'b'], /It is given twice/);
    await usage(['list', '--netns', 'a/b'], /It must be a name, an absolute path, COMM\/PID/);
    await usage(['list', '--netns', 'a/9999999999'], /whole number from 1 to 4294967295/);
    await usage(['list', '--netns', 'net:[0]'], /whole number from 1 to 18446744073709551615/);
    await usage(['watch', '--netns', 'net:[99999999999999999999]'], /whole number from 1 to/);
    await usage(['who', 'net:[0]/tap0'], /namespace "net:\[0\]": It must be a whole number/);
    await usage(['who', '99999999999999999999/tap0'], /namespace "9+": It must be a whole number/);
    await usage(['who', 'a/9999999999/tap0'], /namespace "a\/9+": It must be a whole number/);
    await usage(['watch', '--timeout', '0'], /It must be a number of seconds/);
    await usage(['who', ''], 'who: the name is empty');
  });

  it('for an address that does not parse, from the flag or the environment', async () => {
    const grammar = '"foo" is not unix:///PATH or tcp://HOST:PORT';
    await usage(['list', '--address', 'foo'], `list: --address ${grammar}`);
    await usage(['list', '--address', 'tcp://localhost:0'], /there is no port 0/);
    const { code, err } = await tapmap(['list'], { env: { TAPMAP_ADDRESS: 'foo' } });
    assert.deepEqual([code, err], [2, `tapmap: list: TAPMAP_ADDRESS ${grammar}\n`]);
  });

  it('for a field that the server refuses', async () => {
    const value = BadRequest.encode(
      BadRequest.fromPartial({
        fieldViolations: [{ field: 'filter[0].device_name', description: 'ends in a backslash' }],
      }),
    ).finish();
    await using server = await stage({
      list: (call) =>
        call.emit(
          'error',
          failure(status.INVALID_ARGUMENT, 'bad', [{ type: 'BadRequest', value }]),
        ),
    });
    await usage(
      ['list', '--name', '\\', '--address', server.address],
      'list: filter[0].device_name: ends in a backslash',
    );
  });

  it('for no command at all, with the help', async () => {
    const { code, out, err } = await tapmap([]);
    assert.deepEqual([code, out], [2, '']);
    assert.match(err, /^Usage: tapmap/);
  });
});

describe('a server that cannot be had is one line and exit code 3', () => {
  it('when nobody listens there', async () => {
    await using server = await stage();
    const none = `tapmap: list: no server at ${server.address}: `;
    const absent = await tapmap(['list', '--address', server.address]);
    assert.equal(absent.code, 3);
    assert.equal(absent.err.slice(0, none.length), none);
    await writeFile(server.path, '');
    const dead = await tapmap(['list'], { env: { TAPMAP_ADDRESS: server.address } });
    assert.deepEqual([dead.code, dead.err.slice(0, none.length)], [3, none]);
  });

  it('when the socket is not ours to open', { skip: NOBODY_CANNOT_RUN }, async () => {
    await using server = await stage(answering([HELD], summary()));
    await chmod(server.directory, 0o755);
    await chmod(server.path, 0);
    // Root may open any socket.
    const uid = process.getuid?.() === 0 ? { uid: 65534 } : {};
    const { code, err } = await child(['list', '--address', server.address], uid);
    const remedy = "be root or in the socket's group, or set --address";
    assert.deepEqual(
      [code, err],
      [3, `tapmap: list: permission denied on ${server.address}: ${remedy}\n`],
    );
  });

  it('when it does not answer', async () => {
    await using server = await stage();
    const mute = createServer();
    const accepted = new Set<{ destroy(): void }>();
    mute.on('connection', (socket) => accepted.add(socket.on('error', () => undefined)));
    await new Promise<void>((resolve) => mute.listen(server.path, resolve));
    const { code, err } = await tapmap(['list', '--address', server.address, '--timeout', '0.2']);
    for (const socket of accepted) socket.destroy();
    await new Promise((resolve) => mute.close(resolve));
    assert.equal(code, 3);
    assert.match(err, /^tapmap: list: [^\n]*did not answer in time[^\n]*\n$/);
  });

  it('but one that is still starting is asked again', async () => {
    const value = RetryInfo.encode({ retryDelay: { seconds: 0n, nanos: 1e7 } }).finish();
    let calls = 0;
    const answer = answering([HELD], summary()).list!;
    await using server = await stage({
      list: (call) => {
        calls += 1;
        const starting = failure(status.UNAVAILABLE, 'starting', [{ type: 'RetryInfo', value }]);
        if (calls < 3) call.emit('error', starting);
        else answer(call);
      },
    });
    assert.equal((await tapmap(['list', '--address', server.address])).code, 0);
    assert.equal(calls, 3);
  });
});

describe('what goes wrong inside is one line and exit code 4', () => {
  it('without a stack, unless --debug asks for it', async () => {
    await using server = await stage({ list: (call) => call.end() });
    const broken = await tapmap(['list', '--address', server.address]);
    assert.deepEqual(broken, {
      code: 4,
      out: '',
      err: 'tapmap: list: the answer broke off: no summary\n',
    });
    const { err } = await tapmap(['list', '--debug', '--address', server.address]);
    assert.match(err, /\n {4}at /);
  });
});

describe('help', () => {
  for (const command of ['list', 'watch', 'who']) {
    it(`of ${command} has a purpose, defaults and two examples`, async () => {
      const { code, out, err } = await tapmap([command, '--help']);
      assert.deepEqual([code, err], [0, '']);
      assert.match(out, new RegExp(`^Usage: tapmap ${command} [^\\n]*\\n\\n[a-z][^\\n]*\\n\\n`));
      assert.match(out, /--timeout <seconds> .*\(default: 30\)/);
      assert.equal(out.match(new RegExp(`^ {2}tapmap ${command} `, 'gm'))?.length, 2);
    });
  }

  it('and version go to stdout, as a process too', async () => {
    const { code, out } = await child(['--version']);
    assert.equal(code, 0);
    assert.match(out, /^\d+\.\d+\.\d+\n$/);
  });
});
