import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir, userInfo } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { Identification } from '../../src/identify/identification.js';
import { parsePasswd, userIdsAreHosts } from '../../src/identify/user-name.js';
import { missing } from '../stage/ability.js';
import { fixture, FixtureHost } from './host.js';
import { readUserName } from '../../src/identify/user-name.js';

test("a user is named as the host's passwd file does, the first name of a uid first", () => {
  const { files } = new FixtureHost('users');
  assert.equal(readUserName(files, 0), 'root');
  assert.equal(readUserName(files, 64055), 'libvirt-qemu');
  for (const uid of [1, 7, 8, 9, 1000, 4294967295]) assert.equal(readUserName(files, uid), '');
});

test('a host without a passwd file names nobody, and a file of any bytes breaks nothing', () => {
  assert.equal(readUserName(new FixtureHost('docker').files, 0), '');
  const odd = Buffer.from([0xff, 0x3a, 0x3a, 0x30, 0x0a, 0x00, 0x3a, 0x78, 0x3a]);
  assert.equal(parsePasswd(odd).size, 1);
});

test('a user that was added is named within the time that names are remembered', () => {
  const root = mkdtempSync(join(tmpdir(), 'tapmap-passwd-'));
  try {
    mkdirSync(`${root}/etc`);
    writeFileSync(`${root}/etc/passwd`, 'root:x:0:0::/root:/bin/sh\n');
    let now = 0;
    const { userNameOf } = new Identification({ root, procRoot: fixture('host-users') }, () => now);
    assert.deepEqual([userNameOf(0), userNameOf(7)], ['root', '']);
    writeFileSync(`${root}/etc/passwd+`, 'root:x:0:0::/root:/bin/sh\nvpn:x:7:7:::\n');
    renameSync(`${root}/etc/passwd+`, `${root}/etc/passwd`);
    now = 60_000;
    assert.equal(userNameOf(7), 'vpn');
  } finally {
    rmSync(root, { recursive: true });
  }
});

test("in a user namespace of its own nobody is named: its ids are not the host's", () => {
  assert.equal(userIdsAreHosts(fixture('host-users')), true);
  assert.equal(userIdsAreHosts(fixture('mapped-users')), false);
  const host = { root: fixture('users'), procRoot: fixture('mapped-users') };
  assert.equal(new Identification(host).userNameOf(0), '');
});

test('the own user is named as the C library does', { skip: missing('initial-root') }, () => {
  const { userNameOf } = new Identification({ root: '/', procRoot: '/proc' });
  assert.equal(userNameOf(process.getuid!()), userInfo().username);
});
