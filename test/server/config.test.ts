import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { parseConfig } from '../../src/server/config.js';
import { listenTcp } from '../../src/server/tcp-listener.js';
import { userNamed } from '../../src/access/accounts.js';
import { userToBecome } from '../../src/server/user.js';

const CONFIG = {
  listen: ['unix:///run/x.sock', 'tcp://127.0.0.1:0'],
  user: null,
  logLevel: 'info',
  isDefaultAddress: false,
  socket: { mode: 0o660, owner: null, group: null },
  files: [] as string[],
  withoutClientCertificates: false,
  maxWatchers: 10_000,
};

function configuration(changes: object): string {
  return JSON.stringify({ ...CONFIG, ...changes });
}

describe('the configuration of the server', () => {
  it('has addresses, user, log level, and defaults for the rest', () => {
    assert.deepEqual(parseConfig(configuration({})), {
      ...CONFIG,
      listen: [
        { kind: 'unix', path: '/run/x.sock' },
        { kind: 'tcp', host: '127.0.0.1', port: 0 },
      ],
      probeSilence: 5000,
      metricsListen: null,
      stallLimit: 60_000,
      drainGrace: 5000,
    });
  });

  it('is refused with the field that is wrong, as bad usage', () => {
    const bad = { name: 'ServerError', code: 'CONFIG', exitCode: 2 };
    assert.throws(() => parseConfig('{'), { ...bad, message: /not JSON/ });
    assert.throws(() => parseConfig(configuration({ listen: [] })), { ...bad, message: /listen/ });
    assert.throws(() => parseConfig(configuration({ user: 7 })), { ...bad, message: /user/ });
    assert.throws(() => parseConfig(configuration({ other: 1 })), { ...bad, message: /other/ });
  });

  it('is refused with an address that does not parse', () => {
    assert.throws(() => parseConfig(configuration({ listen: ['tcp://127.0.0.1'] })), {
      code: 'ADDRESS',
      exitCode: 2,
      message: /"tcp:\/\/127.0.0.1": the port/,
    });
  });

  it('is refused with a TCP address beyond loopback and no TLS', () => {
    for (const listen of ['tcp://0.0.0.0:1', 'tcp://[::]:1', 'tcp://192.0.2.1:1', 'tcp://host:1']) {
      assert.throws(() => parseConfig(configuration({ listen: [listen] })), {
        code: 'CONFIG',
        exitCode: 2,
        message:
          /^tcp:\/\/.*:1: beyond loopback .* TCP needs TLS: give --tls-certificate and --tls-key$/,
      });
    }
  });

  it('is refused with such an address and TLS that asks clients for nothing, unless that is said', () => {
    const beyond = { listen: ['tcp://0.0.0.0:1'], files: ['tls-certificate', 'tls-key'] };
    assert.throws(() => parseConfig(configuration(beyond)), {
      code: 'CONFIG',
      message: /beyond loopback clients need certificates: give --tls-client-ca, or --tls-without/,
    });
    parseConfig(configuration({ ...beyond, withoutClientCertificates: true }));
    parseConfig(configuration({ ...beyond, files: [...beyond.files, 'tls-client-ca'] }));
  });

  it('is refused with halves of TLS', () => {
    for (const [changes, message] of [
      [{ files: ['tls-key'] }, /one is given without the other/],
      [{ files: ['tls-certificate'] }, /one is given without the other/],
      [{ files: ['tls-client-ca'] }, /--tls-client-ca: there is no --tls-certificate/],
      [
        {
          files: ['tls-certificate', 'tls-key', 'tls-client-ca'],
          withoutClientCertificates: true,
        },
        /only one of them makes sense/,
      ],
    ] as const) {
      assert.throws(() => parseConfig(configuration(changes)), { code: 'CONFIG', message });
    }
  });
});

describe('a TCP listener', () => {
  it('tells the port that it was given for port 0', async () => {
    const listener = await listenTcp({ kind: 'tcp', host: '127.0.0.1', port: 0 }, false, 10);
    try {
      assert.ok(listener.address.kind === 'tcp' && listener.address.port > 0);
      assert.equal(listener.file, null);
      await assert.rejects(listenTcp(listener.address, false, 10), {
        code: 'IN_USE',
        exitCode: 3,
        message: `tcp://127.0.0.1:${listener.address.port}: already in use`,
      });
    } finally {
      listener.close();
    }
  });
});

describe('whom the server becomes', () => {
  const passwd = 'root:x:0:0::/:/bin/sh\nnobody:x:65534:65533::/:\nbroken:x:-1:1::\n\n';

  it('is found in passwd by exact name', () => {
    assert.deepEqual(
      userNamed('nobody', () => passwd),
      { name: 'nobody', uid: 65534, gid: 65533 },
    );
    for (const name of ['nobod', '', 'x', 'broken'])
      assert.equal(
        userNamed(name, () => passwd),
        null,
      );
  });

  it('is nobody for root, or whom root says; root itself only by name', () => {
    const everybody = () => '         0          0 4294967295\n';
    assert.equal(userToBecome(null, 0, () => passwd, everybody)?.uid, 65534);
    assert.equal(userToBecome('nobody', 0, () => passwd)?.gid, 65533);
    assert.equal(
      userToBecome('root', 0, () => passwd),
      null,
    );
  });

  it('is nobody else in a user namespace of one user, unless asked by name', () => {
    const alone = () => '         0       1000          1\n';
    assert.equal(
      userToBecome(null, 0, () => passwd, alone),
      null,
    );
    assert.equal(userToBecome('nobody', 0, () => passwd, alone)?.uid, 65534);
  });

  it('is nobody else for an ordinary user', () => {
    assert.equal(userToBecome(null, 7), null);
    assert.throws(() => userToBecome('nobody', 7), {
      code: 'USER',
      exitCode: 2,
      message: '--user nobody: only root can become another user',
    });
  });

  it('is refused when unknown', () => {
    assert.throws(() => userToBecome('who', 0, () => passwd), {
      code: 'USER',
      message: '--user who: no such user in /etc/passwd',
    });
  });
});
