import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { parseAddress } from '../../src/address/address.js';
import { announcement } from '../../src/server/announcement.js';

const METHOD = 'tapmap.v1.TapBindingService/ListTapBindings';

describe('what a person reads when the server serves', () => {
  it('is each address on a line, and lines to paste that query the first', () => {
    const addresses = ['unix:///run/tapmap/tapmap.sock', 'tcp://127.0.0.1:50051'].map(parseAddress);
    assert.equal(
      announcement(addresses, { isDefault: true, trouble: null, program: 'tapmap' }),
      `tapmap serves on unix:///run/tapmap/tapmap.sock
tapmap serves on tcp://127.0.0.1:50051
Ask it:
  grpcurl -plaintext -unix /run/tapmap/tapmap.sock ${METHOD}
  tapmap list
`,
    );
  });

  it('names an address that clients do not find by themselves', () => {
    const text = announcement([parseAddress('tcp://[::1]:7')], {
      isDefault: false,
      trouble: null,
      program: 'tapmap',
    });
    assert.match(text, /^ {2}grpcurl -plaintext \[::1\]:7 tapmap/m);
    assert.match(text, /^ {2}tapmap list --address 'tcp:\/\/\[::1\]:7'$/m);
  });

  it('can be pasted whatever the path is', () => {
    const text = announcement([parseAddress("unix:///a b/it's")], {
      isDefault: false,
      trouble: null,
      program: 'tapmap',
    });
    assert.ok(text.includes(`-unix '/a b/it'\\''s' `), text);
  });

  it('says when there is nothing to see yet, and why', () => {
    const text = announcement([parseAddress('unix:///s')], {
      isDefault: false,
      trouble: 'the probe ended and is being restarted',
      program: 'npx tapmap',
    });
    assert.match(text, /No scan has finished yet: the probe ended and is being restarted\./);
  });
});
