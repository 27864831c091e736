// The real server, asked by clients of several users and with several certificates.
import assert from 'node:assert/strict';
import { chmodSync, lstatSync, readFileSync } from 'node:fs';
import { renameSync, writeFileSync } from 'node:fs';
import { once } from 'node:events';
import { createConnection, createServer, type AddressInfo } from 'node:net';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { connect as connectTls } from 'node:tls';
import { ChannelCredentials, credentials, status, type ServiceError } from '@grpc/grpc-js';
import {
  ListTapBindingsRequest,
  TapBindingServiceClient,
  View,
  WatchTapBindingsRequest,
  type ListTapBindingsResponse,
  type WatchTapBindingsResponse,
} from '../../src/gen/tapmap/v1/tap_binding_service.js';
import { TlsGate } from '../../src/server/tls-gate.js';
import { missing } from '../stage/ability.js';
import { Authority, pem, type Identity } from '../stage/authority.js';
import { watchForLeaks } from '../stage/leaks.js';
import { until } from '../stage/until.js';
import { Serve, isHostRoot, type ServeOptions } from '../supervise/serve.js';

const notRoot = isHostRoot ? false : 'not root: there is no other user to be';
const noOpenssl = missing('command:openssl');

/** How soon a file is looked at; timings of the supervisor are milliseconds. */
const TIMING = { fileCheck: 50 };

function connect(
  target: string,
  credential = credentials.createInsecure(),
): TapBindingServiceClient {
  return new TapBindingServiceClient(target, credential, { 'grpc.use_local_subchannel_pool': 1 });
}

/** `ok`, or the code that the list ended with; and what was withheld. */
async function listed(client: TapBindingServiceClient): Promise<{
  code: string;
  message: string;
  redacted: readonly string[];
}> {
  let redacted: readonly string[] = [];
  try {
    const request = ListTapBindingsRequest.fromPartial({ view: View.VIEW_FULL });
    const deadline = Date.now() + 20_000;
    for await (const part of client.listTapBindings(request, { deadline })) {
      redacted = (part as ListTapBindingsResponse).summary?.coverage?.redactedFields ?? redacted;
    }
    return { code: 'OK', message: '', redacted };
  } catch (error) {
    const { code, details } = error as ServiceError;
    return { code: status[code], message: details, redacted };
  }
}

async function codeOf(client: TapBindingServiceClient): Promise<string> {
  const { code } = await listed(client);
  client.close();
  return code;
}

/** Connects as another user, and stays that for the connection alone. */
async function connectAs(uid: number, gids: number[], socket: string) {
  const groups = process.getgroups!();
  const client = connect(`unix://${socket}`);
  process.setgroups!(gids);
  process.setegid!(gids[0]!);
  process.seteuid!(uid);
  try {
    await new Promise<void>((resolve, reject) => {
      client.waitForReady(Date.now() + 20_000, (error) => {
        if (error === undefined) resolve();
        else reject(error);
      });
    });
  } finally {
    process.seteuid!(0);
    process.setegid!(0);
    process.setgroups!(groups);
  }
  return client;
}

/** A server with a policy in a file of its own; whoever reaches its socket may connect. */
async function withPolicy(policy: string, options: ServeOptions = {}): Promise<Serve> {
  const serve = new Serve({
    timing: TIMING,
    ...options,
    flags: (directory) => {
      writeFileSync(join(directory, 'policy.yaml'), policy);
      return {
        'access-policy': join(directory, 'policy.yaml'),
        'socket-mode': '0666',
        ...options.flags?.(directory),
      };
    },
  });
  await serve.serving();
  await until('it has seen the host', () => serve.stderr.includes('probe observes'));
  chmodSync(serve.directory, 0o755);
  return serve;
}

function rewrite(serve: Serve, policy: string): void {
  writeFileSync(join(serve.directory, 'policy.new'), policy);
  renameSync(join(serve.directory, 'policy.new'), join(serve.directory, 'policy.yaml'));
}

function target(serve: Serve): string {
  return /^tapmap serves on tcp:\/\/(\S+)$/m.exec(serve.stdout)![1]!;
}

/** A watch of everything there is to see, and what it ended with. */
function watching(client: TapBindingServiceClient, resumeToken = '') {
  const request = WatchTapBindingsRequest.fromPartial({ view: View.VIEW_FULL, resumeToken });
  const stream = client.watchTapBindings(request);
  const messages: WatchTapBindingsResponse[] = [];
  const state = { code: '', messages };
  stream.on('data', (message: WatchTapBindingsResponse) => messages.push(message));
  stream.on('error', () => undefined);
  stream.on('status', ({ code }) => {
    state.code = status[code];
  });
  return state;
}

describe('the access policy of a unix socket', { skip: notRoot }, () => {
  const checkLeaks = watchForLeaks();
  after(checkLeaks);

  it('knows users and groups by what the kernel says of the peer', async () => {
    await using serve = await withPolicy(
      'default: {unix: []}\nrules:\n- {users: [1234], may: [list]}\n- {groups: [77], may: [list, command-lines]}\n',
    );
    const user = await connectAs(1234, [1234], serve.socket);
    assert.deepEqual(await listed(user), {
      code: 'OK',
      message: '',
      redacted: ['holders.process.command_line', 'last_holder.process.command_line'],
    });
    user.close();
    const member = await connectAs(1235, [1235, 77], serve.socket);
    assert.deepEqual(await listed(member), { code: 'OK', message: '', redacted: [] });
    member.close();
    const stranger = await connectAs(1235, [1235], serve.socket);
    assert.deepEqual(await listed(stranger), {
      code: 'PERMISSION_DENIED',
      message: `uid 1235 (pid ${process.pid}) may not list: the access policy does not say so`,
      redacted: [],
    });
    stranger.close();
    await until('it is logged', () => /"uid":1235.*refused by the access/.test(serve.stderr));
  });

  it('is read again when its file changes, and ends the watchers that it means', async () => {
    await using serve = await withPolicy('rules: []');
    const client = await connectAs(1234, [1234], serve.socket);
    const full = watching(client);
    await until('in sync', () => full.messages.some(({ event }) => event?.$case === 'snapshotEnd'));
    const token = full.messages.findLast(({ resumeToken }) => resumeToken !== '')!.resumeToken;

    rewrite(serve, 'default: {unix: [list]}');
    await until('the view is another one', () => full.code === 'ABORTED');
    const basic = watching(client, token);
    await until('in sync', () =>
      basic.messages.some(({ event }) => event?.$case === 'snapshotEnd'),
    );
    assert.deepEqual(basic.messages[0]?.event, {
      $case: 'snapshotBegin',
      value: { reason: 4 },
    });

    rewrite(serve, 'default: {unix: [}');
    await until('it is refused', () => serve.stderr.includes('files refused'));
    assert.match(
      serve.stderr,
      /policy\.yaml: line 1: .*"msg":"files refused; the former ones stay"/,
    );
    assert.equal(basic.code, '');

    rewrite(serve, '');
    await until('nothing is refused', () => serve.stderr.includes('it says nothing'));
    assert.equal(basic.code, '');

    rewrite(serve, 'default: {unix: []}');
    await until('it is ended', () => basic.code === 'PERMISSION_DENIED');
    assert.equal(await codeOf(client), 'PERMISSION_DENIED');
  });

  it('hides the schema, if it says so, and nothing else of the server', async () => {
    await using serve = await withPolicy('default: {unix: []}\nreflection: listers');
    const client = connect(`unix://${serve.socket}`);
    const code = await new Promise<number>((resolve) => {
      const path = '/grpc.reflection.v1.ServerReflection/ServerReflectionInfo';
      const call = client.makeBidiStreamRequest(
        path,
        () => Buffer.alloc(0),
        (bytes) => bytes,
      );
      call.on('data', () => undefined);
      call.on('error', () => undefined);
      call.on('status', (ended) => {
        resolve(ended.code);
      });
      call.end();
    });
    assert.equal(status[code], 'PERMISSION_DENIED');
    const health = await new Promise<Buffer>((resolve, reject) => {
      client.makeUnaryRequest(
        '/grpc.health.v1.Health/Check',
        () => Buffer.alloc(0),
        (bytes) => bytes,
        {},
        (error, answer) => {
          if (error === null && answer !== undefined) resolve(answer);
          else reject(error ?? new Error('no answer'));
        },
      );
    });
    assert.deepEqual([...health], [8, 1]);
    client.close();
  });

  it('refuses a start with a policy that is wrong, or says nothing', async () => {
    for (const [policy, line] of [
      [
        'rules:\n- users: [0]\n',
        /^tapmap: serve: --access-policy .*policy\.yaml: line 2: rules\[0\]\.may: .*\n$/,
      ],
      ['', /^tapmap: serve: --access-policy .*policy\.yaml: line 1: it says nothing: .*\n$/],
    ] as const) {
      await using serve = new Serve({
        flags: (directory) => {
          writeFileSync(join(directory, 'policy.yaml'), policy);
          return { 'access-policy': join(directory, 'policy.yaml') };
        },
      });
      assert.equal((await serve.ended).code, 2);
      assert.match(serve.stderr, line);
    }
  });
});

describe('the unix socket', { skip: notRoot }, () => {
  it('has the mode, owner and group that were asked for', async () => {
    await using serve = new Serve({
      flags: () => ({ 'socket-mode': '600', 'socket-owner': '1234', 'socket-group': 'daemon' }),
    });
    await serve.serving();
    const { mode, uid, gid } = lstatSync(serve.socket);
    const [, , daemon] = /^daemon:.*$/m.exec(readFileSync('/etc/group', 'utf8'))![0].split(':');
    assert.deepEqual([mode & 0o777, uid, gid], [0o600, 1234, Number(daemon)]);
  });

  it('is refused for an owner that this host does not have, and not left behind', async () => {
    await using serve = new Serve({ flags: () => ({ 'socket-owner': 'nobody-here' }) });
    assert.equal((await serve.ended).code, 2);
    assert.match(serve.stderr, /--socket-owner nobody-here: this host has no such name/);
    assert.equal(lstatSync(serve.socket, { throwIfNoEntry: false }), undefined);
  });
});

describe('TCP', { skip: noOpenssl }, () => {
  const checkLeaks = watchForLeaks();
  after(checkLeaks);
  const listen = ['tcp://127.0.0.1:0'];

  it('on loopback without TLS and policy shows no command lines', async () => {
    await using serve = new Serve({ listen });
    await serve.serving();
    const client = connect(target(serve));
    const { code, redacted } = await listed(client);
    assert.deepEqual([code, redacted.length], ['OK', 2]);
    client.close();
  });

  it('on loopback without TLS is denied by a policy that does not say otherwise', async () => {
    await using serve = await withPolicy('rules: []', { listen });
    assert.equal(await codeOf(connect(target(serve))), 'UNAUTHENTICATED');
    rewrite(serve, 'default: {tcp: [list]}');
    await until('it is let in', async () => (await codeOf(connect(target(serve)))) === 'OK');
  });

  it('with TLS asks clients for a certificate, and the policy for its name', async (t) => {
    const authority = new Authority(t);
    const own = authority.identity('server', 'DNS:localhost,IP:127.0.0.1');
    await using serve = await withPolicy(
      'rules:\n- {certificates: ["spiffe://example.com/agent", reaper], may: [list]}\n',
      // Nobody but root, who starts it, may read the files.
      { listen, flags: () => ({ ...tls(own), 'tls-client-ca': authority.certificate }) },
    );
    const ca = pem(authority.certificate);
    const withCertificate = (file: string, names: string, by = authority): ChannelCredentials => {
      const { certificate, key } = by.identity(file, names);
      return credentials.createSsl(ca, pem(key), pem(certificate));
    };
    const at = target(serve);
    const agent = withCertificate('agent', 'URI:spiffe://example.com/agent');
    assert.equal(await codeOf(connect(at, agent)), 'OK');
    assert.equal(await codeOf(connect(at, withCertificate('reaper', ''))), 'OK');

    const other = connect(at, withCertificate('other', 'URI:spiffe://example.com/other'));
    assert.deepEqual(await listed(other), {
      code: 'PERMISSION_DENIED',
      message:
        'the certificate of "spiffe://example.com/other" may not list: the access policy does not say so',
      redacted: [],
    });
    other.close();

    const foreign = withCertificate('agent', 'URI:spiffe://example.com/agent', new Authority(t));
    assert.equal(await codeOf(connect(at, foreign)), 'UNAVAILABLE');
    await assert.rejects(anonymousAt(at, ca), {
      code: 'ERR_SSL_TLSV13_ALERT_CERTIFICATE_REQUIRED',
    });
    assert.equal(await codeOf(connect(at)), 'UNAVAILABLE');
    await until('they are logged', () => serve.stderr.includes('"msg":"TLS refused"'));
  });

  it('with TLS and no certificates of clients lets in whom the policy lets in without', async (t) => {
    const authority = new Authority(t);
    const own = authority.identity('server', 'IP:127.0.0.1');
    await using serve = await withPolicy('rules: []', {
      listen,
      flags: () => ({ ...tls(own), ...WAIVED }),
    });
    const secure = credentials.createSsl(pem(authority.certificate));
    assert.equal(await codeOf(connect(target(serve), secure)), 'UNAUTHENTICATED');
    rewrite(serve, 'default: {tcp: [list]}');
    await until(
      'it is let in',
      async () => (await codeOf(connect(target(serve), secure))) === 'OK',
    );
  });

  it('with TLS takes a new certificate without a restart, and keeps streams', async (t) => {
    const authority = new Authority(t);
    const own = authority.identity('server', 'IP:127.0.0.1', 'first');
    await using serve = await withPolicy('default: {tcp: [list]}', {
      listen,
      flags: () => ({ ...tls(own), ...WAIVED }),
    });
    const ca = pem(authority.certificate);
    const client = connect(target(serve), credentials.createSsl(ca));
    const watch = watching(client);
    await until('in sync', () =>
      watch.messages.some(({ event }) => event?.$case === 'snapshotEnd'),
    );
    assert.equal(await subjectAt(target(serve), ca), 'first');
    assert.equal(await isResumed(target(serve), ca), false, 'each asks for certificates anew');

    writeFileSync(own.key, 'no key');
    await until('it is refused', () => serve.stderr.includes('files refused'));
    assert.match(serve.stderr, /--tls-key: it is no private key in PEM that fits/);
    assert.equal(await subjectAt(target(serve), ca), 'first');

    const next = authority.identity('next', 'IP:127.0.0.1', 'second');
    renameSync(next.certificate, own.certificate);
    renameSync(next.key, own.key);
    await until('it is another one', async () => (await subjectAt(target(serve), ca)) === 'second');
    assert.equal(await isResumed(target(serve), ca), false, 'nor is it otherwise from then on');
    serve.tell({ devices: ['tap0', 'tap1'] });
    const before = watch.messages.length;
    await until('the stream goes on', () => watch.messages.length > before);
    assert.equal(watch.code, '');
    client.close();
  });

  it('with TLS does not wait for ever for a client that says nothing', async (t) => {
    const { certificate, key } = new Authority(t).identity('server', 'IP:127.0.0.1');
    const refused: string[] = [];
    const gate = new TlsGate(
      { certificate: pem(certificate).toString(), key: pem(key).toString(), clientCa: null },
      { secured: () => undefined, refused: ({ message }) => refused.push(message) },
      50,
    );
    const listener = createServer((connection) => {
      gate.accept(connection);
    });
    listener.listen(0, '127.0.0.1');
    await once(listener, 'listening');
    const client = createConnection((listener.address() as AddressInfo).port, '127.0.0.1');
    await once(client.resume(), 'close');
    assert.deepEqual(refused, ['TLS handshake timeout']);
    listener.close();
  });

  it('refuses a start with files that cannot be read, or are not what they should be', async () => {
    for (const [content, line] of [
      [null, /^tapmap: serve: --tls-certificate \/.*\/none\.pem: it cannot be read \(ENOENT\)\n$/],
      ['no PEM', /^tapmap: serve: --tls-certificate: it is no certificate in PEM/],
    ] as const) {
      await using serve = new Serve({
        listen,
        flags: (directory) => {
          const file = join(directory, 'none.pem');
          if (content !== null) writeFileSync(file, content);
          return { ...tls({ certificate: file, key: file }), ...WAIVED };
        },
      });
      assert.equal((await serve.ended).code, 2);
      assert.match(serve.stderr, line);
    }
  });
});

const WAIVED = { 'tls-without-client-certificates': true };

function tls({ certificate, key }: Identity): Record<string, string> {
  return { 'tls-certificate': certificate, 'tls-key': key };
}

/** Reads what the server says to a client without a certificate. Not grpc-js: it would leave a socket open. */
async function anonymousAt(at: string, ca: Buffer): Promise<void> {
  const [host, port] = at.split(':');
  const socket = connectTls({ host, port: Number(port), ca, ALPNProtocols: ['h2'] });
  await once(socket.resume(), 'end');
}

/** Whether a second connection may go on with the session of a first one. */
async function isResumed(at: string, ca: Buffer): Promise<boolean> {
  const [host, port] = at.split(':');
  const options = { host, port: Number(port), ca, ALPNProtocols: ['h2'] };
  const first = connectTls(options);
  const [session] = (await once(first, 'session')) as [Buffer];
  first.destroy();
  const second = connectTls({ ...options, session });
  await once(second, 'secureConnect');
  const isReused = second.isSessionReused();
  second.destroy();
  return isReused;
}

/** Common name of the certificate that the server shows now. */
async function subjectAt(at: string, ca: Buffer): Promise<string> {
  const [host, port] = at.split(':');
  return new Promise((resolve, reject) => {
    const socket = connectTls({ host, port: Number(port), ca, ALPNProtocols: ['h2'] });
    socket.once('error', reject);
    socket.once('secureConnect', () => {
      resolve(String(socket.getPeerCertificate().subject.CN));
      socket.destroy();
    });
  });
}
