import assert from 'node:assert/strict';
import { test } from 'node:test';
import { socketOwner } from '../../src/server/socket-owner.js';

test('a socket belongs to whoever is named by name or by id, whether the id has a name or not', () => {
  const mode = 0o660;
  assert.deepEqual(socketOwner({ mode, owner: null, group: null }), { mode, uid: null, gid: null });
  assert.deepEqual(socketOwner({ mode, owner: 'root', group: '1000620000' }), {
    mode,
    uid: 0,
    gid: 1_000_620_000,
  });
  assert.equal(socketOwner({ mode, owner: '4294967294', group: null }).uid, 0xffff_fffe);
});

test('the id that stands for none, and what is beyond, are no ids', () => {
  for (const owner of ['4294967295', '9999999999', '10006200000', '-1']) {
    assert.throws(() => socketOwner({ mode: 0o660, owner, group: null }), {
      code: 'USER',
      exitCode: 2,
      message: `--socket-owner ${owner}: this host has no such name`,
    });
  }
});
