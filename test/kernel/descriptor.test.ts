// Files are read whole, whatever their size, and nothing stays open.
import assert from 'node:assert/strict';
import { mkdtempSync, readlinkSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { constants, tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import {
  isCharacterDevice,
  open,
  O_RDONLY,
  readBytes,
  readLink,
  statusOf,
  statusOfPath,
} from '../../src/kernel/descriptor.js';
import { errnoName, isKernelError, KernelError } from '../../src/kernel/kernel-error.js';
import { setStage, type Stage } from '../stage/stage.js';

const KIB = 1024;
const MIB = 1024 * KIB;

function directory(stage: Stage): string {
  const path = mkdtempSync(join(tmpdir(), 'tapmap-descriptor-'));
  stage.atEnd(() => {
    rmSync(path, { recursive: true, force: true });
  });
  return path;
}

test('a file is read to its end: empty, at and around the size of the buffer, of many megabytes', (t) => {
  const stage = setStage(t);
  const file = join(directory(stage), 'file');
  for (const size of [0, 1, 64 * KIB - 1, 64 * KIB, 64 * KIB + 1, 5 * MIB, 3]) {
    const bytes = Buffer.alloc(size, 'tapmap');
    writeFileSync(file, bytes);
    assert.ok(readBytes(file).equals(bytes), `${size} bytes`);
  }
});

test('of a file without end the first 16 MiB are read', (t) => {
  setStage(t);
  const bytes = readBytes('/dev/zero');
  assert.equal(bytes.length, 16 * MIB);
});

test('what cannot be read says why, and leaves nothing open', (t) => {
  const stage = setStage(t);
  const path = directory(stage);
  for (const [file, code] of [
    [join(path, 'none'), 'ENOENT'],
    [path, 'EISDIR'],
  ] as const) {
    assert.throws(
      () => readBytes(file),
      (error) => isKernelError(error, code) && error.message.includes(file),
    );
  }
});

test('a link is read, as long as it may be', (t) => {
  const stage = setStage(t);
  const link = join(directory(stage), 'link');
  const target = `/${'x'.repeat(4000)}/ü`;
  symlinkSync(target, link);
  assert.equal(readLink(link), target);
  assert.equal(readLink('/proc/self/exe'), readlinkSync('/proc/self/exe'));
});

test('status by path and by descriptor is what stat says', (t) => {
  const stage = setStage(t);
  for (const path of ['/dev/null', '/proc/self/ns/net', directory(stage)]) {
    const { ino, mode, uid, gid, nlink, rdev } = statSync(path);
    const status = statusOfPath(path);
    assert.deepEqual(
      [status.inode, status.mode, status.uid, status.gid, status.links],
      [ino, mode, uid, gid, nlink],
    );
    assert.equal(isCharacterDevice(status.mode), rdev !== 0);
    assert.equal(status.rdevMajor * 256 + status.rdevMinor, rdev);
    assert.deepEqual(statusOf(stage.own(open(path, O_RDONLY)).fd), status);
  }
});

test('an errno has its usual name, also those that Node does not list', () => {
  for (const name of ['EPERM', 'ENOENT', 'ESRCH', 'EBADF', 'EAGAIN', 'ENODEV', 'EINVAL'] as const) {
    assert.equal(errnoName(constants.errno[name]), name);
  }
  assert.equal(errnoName(77), 'EBADFD');
  assert.equal(errnoName(95), 'EOPNOTSUPP');
  assert.equal(errnoName(4000), 'E4000');
});

test('an error of the kernel is known by its code, and no other error is one', () => {
  const error = new KernelError('open /none', 'ENOENT');
  assert.equal(error.message, 'open /none: ENOENT');
  assert.equal(isKernelError(error), true);
  assert.equal(isKernelError(error, 'EPERM', 'ENOENT'), true);
  assert.equal(isKernelError(error, 'EPERM'), false);
  assert.equal(isKernelError(Object.assign(new Error(), { code: 'ENOENT' }), 'ENOENT'), false);
});
