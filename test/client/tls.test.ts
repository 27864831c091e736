import assert from 'node:assert/strict';
import { copyFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import {
  listTapBindings,
  TapmapError,
  watchTapBindings,
  type TapmapErrorCode,
  type TlsOptions,
} from '../../src/client/index.js';
import { serverOf } from '../../src/client/server.js';
import { child, tapmap } from '../cli/stage.js';
import { missing } from '../stage/ability.js';
import { Authority, pem } from '../stage/authority.js';
import { next } from './events.js';
import { serveTls } from './tls-server.js';

const LOCAL = 'DNS:localhost,IP:127.0.0.1';
const skip = missing('command:openssl');

async function refused(
  address: string,
  tls: TlsOptions,
  code: TapmapErrorCode,
  details: RegExp,
): Promise<void> {
  const calls = [
    () => listTapBindings({ address, tls }),
    () => watchTapBindings({ address, tls }).next(),
  ];
  for (const call of calls) {
    await assert.rejects(call, (error) => {
      assert.ok(error instanceof TapmapError);
      assert.equal(error.code, code);
      assert.match(error.details, details);
      return true;
    });
  }
}

describe('TLS', { skip }, () => {
  it('is used for what is not loopback, and anywhere when it is asked for', () => {
    const tlsOf = (address: string, tls?: TlsOptions): TlsOptions | null =>
      serverOf({ address, tls }).tls;
    for (const host of ['127.0.0.1', '127.1.2.3', '[::1]', 'localhost']) {
      assert.equal(tlsOf(`tcp://${host}:1`), null);
      assert.deepEqual(tlsOf(`tcp://${host}:1`, {}), {});
    }
    for (const host of ['10.0.0.1', '[2001:db8::1]', 'example.org', '0.0.0.0']) {
      assert.deepEqual(tlsOf(`tcp://${host}:1`), {});
    }
    assert.equal(tlsOf('unix:///run/s'), null);
  });

  it('reaches a server whose authority is trusted, from a file or from bytes', async (t) => {
    const authority = new Authority(t);
    const { address } = await serveTls(t, authority.identity('server', LOCAL));
    for (const ca of [authority.certificate, pem(authority.certificate)]) {
      const { bindings } = await listTapBindings({ address, tls: { ca } });
      assert.equal(bindings.length, 1);
    }
  });

  it('does not take a server that anybody may be, or one that does not speak TLS', async (t) => {
    const [authority, other] = [new Authority(t), new Authority(t)];
    const { address } = await serveTls(t, authority.identity('server', LOCAL));
    await refused(address, {}, 'UNTRUSTED_SERVER', /^[\w -]+ certificate/);
    await refused(address, { ca: other.certificate }, 'UNTRUSTED_SERVER', /certificate/);
  });

  it('takes the name that the certificate must have from the address, or as it is told', async (t) => {
    const authority = new Authority(t);
    const ca = authority.certificate;
    const { address } = await serveTls(t, authority.identity('server', 'DNS:tapmap.example'));
    await refused(address, { ca }, 'UNTRUSTED_SERVER', /does not match certificate's altnames/);
    const serverName = 'tapmap.example';
    assert.equal((await listTapBindings({ address, tls: { ca, serverName } })).bindings.length, 1);
  });

  it('shows the certificate of the client to a server that asks for one', async (t) => {
    const [authority, other] = [new Authority(t), new Authority(t)];
    const ca = authority.certificate;
    const identity = authority.identity('server', LOCAL);
    const server = await serveTls(t, identity, { clientCa: ca });
    const { address, clients } = server;
    const client = authority.identity('reaper', 'DNS:reaper');
    await listTapBindings({ address, tls: { ca, ...client } });
    await listTapBindings({
      address,
      tls: { ca: pem(ca), certificate: pem(client.certificate), key: pem(client.key) },
    });
    assert.deepEqual(clients, ['reaper', 'reaper']);
    const why = /^the certificate of this client is not accepted: /;
    await refused(address, { ca }, 'UNAUTHENTICATED', why);
    const stranger = other.identity('stranger', 'DNS:stranger');
    // Such a server says nothing, it closes: that may have other reasons, and pass.
    const tls = { ca, ...stranger };
    await using watch = watchTapBindings({ address, tls });
    const { error } = await next(watch, 'disconnected');
    assert.equal(error?.code, 'UNAVAILABLE');
    assert.match(error.details, /another certificate\?$/);
    assert.deepEqual(clients, ['reaper', 'reaper']);
  });

  it('of a key that is not that of the certificate is an option that cannot be used', async (t) => {
    const authority = new Authority(t);
    const { certificate } = authority.identity('one', LOCAL);
    const { key } = authority.identity('other', LOCAL);
    const tls = { ca: authority.certificate, certificate, key };
    await refused('tcp://127.0.0.1:1', tls, 'INVALID_OPTION', /^tls\.certificate cannot be used: /);
  });

  it('reads its files anew for each connection, and bears a time when they do not fit', async (t) => {
    const [before, later] = [new Authority(t), new Authority(t)];
    const ca = join(before.directory, 'trusted.pem');
    copyFileSync(before.certificate, ca);
    const first = await serveTls(t, before.identity('server', LOCAL));
    await using watch = watchTapBindings({
      address: first.address,
      tls: { ca },
      backoff: { first: 1, most: 4 },
    });
    await next(watch, 'snapshot');
    first.kill();
    await next(watch, 'disconnected');
    const connected = next(watch, 'connected');
    const port = Number(first.address.split(':').at(-1));
    await serveTls(t, later.identity('server', LOCAL), { port });
    // Now there is a server that is not trusted: neither is that the end, nor is it taken.
    const tooEarly = await Promise.race([connected, refusedOnce(first.address, ca)]);
    assert.equal(tooEarly, 'UNTRUSTED_SERVER');
    copyFileSync(later.certificate, ca);
    await connected;
    await next(watch, 'snapshot');
  });
});

async function refusedOnce(address: string, ca: string): Promise<string> {
  return listTapBindings({ address, tls: { ca } }).then(
    () => 'taken',
    (error: unknown) => (error instanceof TapmapError ? error.code : String(error)),
  );
}

describe('the command over TLS', { skip }, () => {
  it('lists, and says nothing of how that is done', async (t) => {
    const authority = new Authority(t);
    const ca = authority.certificate;
    const identity = authority.identity('server', 'IP:127.0.0.1,DNS:tapmap.example');
    const { address, clients } = await serveTls(t, identity, { clientCa: ca });
    const { certificate, key } = authority.identity('person', 'DNS:person');
    const flags = ['--tls-ca', ca, '--tls-certificate', certificate, '--tls-key', key];
    const { code, out, err } = await child(['list', '--address', address, ...flags]);
    assert.deepEqual([code, err], [0, '']);
    assert.match(out, /^fooz\ttap123\t/);
    const named = [...flags, '--tls-server-name', 'tapmap.example'];
    assert.equal((await tapmap(['who', 'tap123', '--address', address, ...named])).code, 0);
    assert.deepEqual(clients, ['person', 'person']);
  });

  it('says in one line why a server is not taken, or does not take this client', async (t) => {
    const authority = new Authority(t);
    const ca = authority.certificate;
    const identity = authority.identity('server', LOCAL);
    const { address } = await serveTls(t, identity, { clientCa: ca });
    const untrusted = await tapmap(['list', '--address', address, '--tls-server-name', 'x']);
    assert.equal(untrusted.code, 3);
    assert.match(
      untrusted.err,
      /^tapmap: list: the server at \S+ cannot be trusted: .* \(see --tls-ca and --tls-server-name\)\n$/,
    );
    const unknown = await tapmap(['list', '--address', address, '--tls-ca', ca]);
    assert.equal(unknown.code, 3);
    assert.match(
      unknown.err,
      /^tapmap: list: the server at \S+ refuses: .* \(see --tls-certificate and --tls-key\)\n$/,
    );
  });

  it('names the flag that cannot be used', async (t) => {
    const authority = new Authority(t);
    const { certificate, key } = authority.identity('person', LOCAL);
    const tcp = ['--address', 'tcp://127.0.0.1:1'];
    const usages: [string[], RegExp][] = [
      [[...tcp, '--tls-ca', '/nowhere'], /--tls-ca "\/nowhere" cannot be read: ENOENT/],
      [[...tcp, '--tls-ca', key], /--tls-ca cannot be used: /],
      [[...tcp, '--tls-certificate', certificate], /--tls-key is needed with a certificate/],
      [[...tcp, '--tls-key', key], /--tls-certificate is needed with a key/],
      [
        [...tcp, '--tls-certificate', certificate, '--tls-key', '/nowhere'],
        /--tls-key "\/nowhere" cannot be read: ENOENT/,
      ],
      [[...tcp, '--tls-server-name', ''], /--tls-server-name is empty/],
      [['--address', 'unix:///run/s', '--tls-ca', 'x'], /--tls-\* is for tcp:\/\/ addresses, not/],
    ];
    for (const [flags, words] of usages) {
      for (const command of ['list', 'watch', 'who']) {
        const argv = [command, ...(command === 'who' ? ['tap0'] : []), ...flags];
        const { code, out, err } = await tapmap(argv);
        assert.deepEqual([code, out], [2, ''], argv.join(' '));
        assert.match(err, new RegExp(`^tapmap: ${command}: ${words.source}[^\\n]*\\n$`));
      }
    }
  });
});
