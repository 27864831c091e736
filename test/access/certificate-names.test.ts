import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { parseNames } from '../../src/access/certificate-names.js';
import { namesOf, peerText } from '../../src/access/peer.js';

const NOBODY = { dns: [], uris: [], commonName: null };

describe('the names of a certificate', () => {
  it('are its DNS names and URIs; an address or mail is none', () => {
    assert.deepEqual(
      parseNames('DNS:A.example.com, URI:spiffe://x/y, IP Address:10.0.0.1, email:a@b', 'CN=c'),
      { dns: ['a.example.com'], uris: ['spiffe://x/y'], commonName: null },
    );
  });

  it('are its common name where it has no alternative ones', () => {
    assert.deepEqual(parseNames('', 'O=x\nCN=agent'), { ...NOBODY, commonName: 'agent' });
    assert.deepEqual(parseNames('IP Address:10.0.0.1', 'CN=agent'), NOBODY);
    assert.deepEqual(parseNames('', 'CN=a\nCN=b'), NOBODY);
    assert.deepEqual(parseNames('', 'O=x'), NOBODY);
  });

  it('are not those that a value with a comma in it pretends', () => {
    assert.deepEqual(parseNames('URI:"http://x/\\u002c DNS:admin", DNS:b', ''), {
      dns: ['b'],
      uris: ['http://x/, DNS:admin'],
      commonName: null,
    });
    assert.deepEqual(parseNames('othername:"a, DNS:admin"', 'CN=x'), NOBODY);
  });

  it('are none at all where not all of it is understood', () => {
    for (const text of ['DNS:a, "', 'DNS:a,URI:b', 'DNS:a, URI:"b', ',', 'DNS:a, ']) {
      assert.deepEqual(parseNames(text, 'CN=x'), NOBODY, text);
    }
  });

  it('never throw', () => {
    fc.assert(
      fc.property(fc.string({ unit: fc.constantFrom('DNS:', ', ', '"', '\\', 'a') }), (text) => {
        parseNames(text, text);
      }),
    );
  });
});

describe('a peer is told as', () => {
  it('its user and process, or the first of its names', () => {
    const credentials = { uid: 5, gids: [5], pid: 77 };
    assert.equal(peerText({ kind: 'unix', credentials }), 'uid 5 (pid 77)');
    assert.equal(peerText({ kind: 'unix', credentials: { ...credentials, pid: 0 } }), 'uid 5');
    const certificate = { ...NOBODY, uris: ['spiffe://x/y'] };
    const peer = { kind: 'tcp', address: '192.0.2.1', port: 1, plaintext: false } as const;
    assert.equal(peerText({ ...peer, certificate }), 'the certificate of "spiffe://x/y"');
    assert.equal(peerText({ ...peer, certificate: null }), 'a client without a certificate');
    assert.deepEqual(namesOf({ ...NOBODY, commonName: 'a' }), ['a']);
  });
});
