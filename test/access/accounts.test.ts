import assert from 'node:assert/strict';
import { test } from 'node:test';
import { groupNamed, userNamed } from '../../src/access/accounts.js';

test('a group is found by its whole name, and only with an id', () => {
  const group = 'root:x:0:\n# x\nkvm:x:36:a,b\nbroken:x:many:\n:x:7:\nlast:x:4294967295:';
  assert.equal(
    groupNamed('kvm', () => group),
    36,
  );
  for (const name of ['kv', '', 'x', 'broken', 'last', 'none']) {
    assert.equal(
      groupNamed(name, () => group),
      null,
      name,
    );
  }
});

test('root is known on every host', () => {
  assert.deepEqual(userNamed('root'), { name: 'root', uid: 0, gid: 0 });
  assert.equal(groupNamed('root'), 0);
});
