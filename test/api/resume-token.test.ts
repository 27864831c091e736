import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { decodeResumeToken, encodeResumeToken } from '../../src/api/resume-token.js';

const point = fc.record({
  epoch: fc.uuid(),
  revision: fc.nat(),
  coverageRevision: fc.nat(),
  redacted: fc.boolean(),
});

test('a token leads back to its point, and needs no escaping in a URL', () => {
  fc.assert(
    fc.property(point, (from) => {
      const token = encodeResumeToken(from);
      assert.match(token, /^[\w-]+$/);
      assert.deepEqual(decodeResumeToken(token), { ...from });
    }),
  );
});

test('a token that was cut or altered is none, or leads to another point, but never throws', () => {
  fc.assert(
    fc.property(point, fc.nat(), fc.string({ maxLength: 3 }), (from, at, replacement) => {
      const token = encodeResumeToken(from);
      const index = at % token.length;
      const altered = token.slice(0, index) + replacement + token.slice(index + 1);
      const decoded = decodeResumeToken(altered);
      if (decoded !== null) assert.equal(encodeResumeToken(decoded), altered);
    }),
  );
});

test('garbage is no token', () => {
  const text = (plain: string) => Buffer.from(plain).toString('base64url');
  const garbage = [
    'x',
    'garbage',
    '====',
    text('tapmap1 1 1 '),
    text('tapmap1 -1 1 epoch'),
    text('tapmap1 01 1 epoch'),
    text('tapmap1 1 1 epoch more'),
    text('tapmap2 1 1 epoch'),
    `${text('tapmap1 1 1 epoch')}=`,
    ` ${text('tapmap1 1 1 epoch')}`,
  ];
  for (const token of garbage) assert.equal(decodeResumeToken(token), null, token);
  assert.notEqual(decodeResumeToken(text('tapmap1 1 1 epoch')), null);
});
