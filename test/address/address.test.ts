import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { dialTarget, formatAddress, isLoopback, parseAddress } from '../../src/address/address.js';
import { defaultAddress } from '../../src/address/default.js';
import { AddressError, type AddressErrorCode } from '../../src/address/error.js';

function refuses(text: string, code: AddressErrorCode, message: RegExp): void {
  assert.throws(
    () => parseAddress(text),
    (error) => {
      assert.ok(error instanceof AddressError);
      assert.equal(error.code, code);
      assert.match(error.message, message);
      return true;
    },
  );
}

describe('an address', () => {
  it('is a unix socket by absolute path', () => {
    assert.deepEqual(parseAddress('unix:///run/tapmap/tapmap.sock'), {
      kind: 'unix',
      path: '/run/tapmap/tapmap.sock',
    });
  });

  it('is a TCP host and port, an IPv6 host in brackets', () => {
    assert.deepEqual(parseAddress('tcp://127.0.0.1:50051'), {
      kind: 'tcp',
      host: '127.0.0.1',
      port: 50051,
    });
    assert.deepEqual(parseAddress('tcp://[::1]:0'), { kind: 'tcp', host: '::1', port: 0 });
    assert.deepEqual(parseAddress('tcp://host-1.example:1'), {
      kind: 'tcp',
      host: 'host-1.example',
      port: 1,
    });
  });

  it('prints as it was read, and as gRPC dials it', () => {
    for (const text of ['unix:///a b/c.sock', 'tcp://[::1]:7', 'tcp://localhost:8']) {
      assert.equal(formatAddress(parseAddress(text)), text);
    }
    assert.equal(dialTarget(parseAddress('unix:///a/b.sock')), 'unix:///a/b.sock');
    assert.equal(dialTarget(parseAddress('tcp://[::1]:7')), '[::1]:7');
  });

  it('is refused with the part that is wrong and why', () => {
    refuses('', 'SCHEME', /unix:\/\/\/PATH or tcp:\/\/HOST:PORT/);
    refuses('/run/tapmap.sock', 'SCHEME', /"\/run\/tapmap.sock" is not/);
    refuses('unix:/run/x', 'SCHEME', /is not/);
    refuses('unix://run/x', 'PATH', /must be absolute/);
    refuses('unix://', 'PATH', /must be absolute/);
    refuses('unix:///', 'PATH', /names a directory/);
    refuses('unix:///run/..', 'PATH', /names a directory/);
    refuses('unix:///run/\u001b[2J', 'PATH', /control characters/);
    refuses('tcp://', 'HOST', /"" is not a host/);
    refuses('tcp://:80', 'HOST', /"" is not a host/);
    refuses('tcp://::1:80', 'HOST', /needs brackets/);
    refuses('tcp://[localhost]:80', 'HOST', /"localhost" is not a host/);
    refuses('tcp://127.0.0:80', 'HOST', /"127.0.0" is not a host/);
    refuses('tcp://user@host:80', 'HOST', /is not a host/);
    refuses('tcp://localhost', 'PORT', /from 0 to 65535/);
    refuses('tcp://localhost:', 'PORT', /from 0 to 65535/);
    refuses('tcp://localhost:65536', 'PORT', /from 0 to 65535/);
    refuses('tcp://localhost:80/path', 'PORT', /from 0 to 65535/);
  });

  it('may have 107 bytes of path, counted as UTF-8, and not one more', () => {
    assert.equal(parseAddress(`unix:///${'a'.repeat(106)}`).kind, 'unix');
    refuses(`unix:///${'a'.repeat(107)}`, 'PATH', /108 bytes/);
    refuses(`unix:///${'ä'.repeat(54)}`, 'PATH', /109 bytes/);
  });

  it('never shows control characters of a mistyped one', () => {
    refuses('x\u001b[2J\n', 'SCHEME', /^[\x20-\x7e]+$/);
  });
});

describe('loopback', () => {
  it('is 127.0.0.0/8, ::1 and localhost', () => {
    for (const host of ['127.0.0.1', '127.255.1.2', '::1', '0:0:0:0:0:0:0:1', 'localhost']) {
      assert.equal(isLoopback(host), true, host);
    }
  });

  it('is nothing else', () => {
    for (const host of ['0.0.0.0', '::', '10.0.0.1', '::2', 'localhost.example', '::1%lo']) {
      assert.equal(isLoopback(host), false, host);
    }
  });
});

describe('the default address', () => {
  it('is the system socket for root', () => {
    assert.equal(defaultAddress({ XDG_RUNTIME_DIR: '/x' }, 0), 'unix:///run/tapmap/tapmap.sock');
  });

  it("is in the user's own runtime directory for anyone else", () => {
    assert.equal(
      defaultAddress({ XDG_RUNTIME_DIR: '/run/user/7' }, 7),
      'unix:///run/user/7/tapmap/tapmap.sock',
    );
  });

  it('does not exist for a user without a runtime directory, and the flag to give is named', () => {
    const missing = { name: 'AddressError', code: 'NO_DEFAULT' };
    assert.throws(() => defaultAddress({}, 7), { ...missing, message: /not set.*--listen/ });
    assert.throws(() => defaultAddress({ XDG_RUNTIME_DIR: 'rel' }, 7, '--address'), {
      ...missing,
      message: /absolute.*--address/,
    });
  });
});
