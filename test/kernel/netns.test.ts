// Entering and opening network namespaces, also by paths that strangers control.
import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, openSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { statusOf } from '../../src/kernel/descriptor.js';
import { isKernelError } from '../../src/kernel/kernel-error.js';
import {
  inNetns,
  isNetns,
  netnsCookie,
  nsfsDevice,
  openNetns,
  ownNetnsInode,
  socket,
} from '../../src/kernel/netns.js';
import { missing } from '../stage/ability.js';
import { run } from '../stage/command.js';
import { netnsInode, type Netns } from '../stage/netns.js';
import { setStage, type Stage } from '../stage/stage.js';

const skip = missing('root', 'netns');
const nsfs = nsfsDevice();
// Keeps the way back to the own namespace open, before any test looks for leaks.
ownNetnsInode();

const HERE = '/proc/thread-self/ns/net';
const AF_INET = 2;
const SOCK_DGRAM = 2;

function directory(stage: Stage): string {
  const path = mkdtempSync(join(tmpdir(), 'tapmap-netns-'));
  stage.atEnd(() => {
    rmSync(path, { recursive: true, force: true });
  });
  return path;
}

function opened(netns: Netns): number {
  return openNetns({ root: null, path: netns.path }, netns.inode, nsfs);
}

test('a function runs inside the namespace, and the thread is back after it', { skip }, (t) => {
  const stage = setStage(t);
  const netns = stage.netns();
  const { fd } = stage.own(opened(netns));
  const inside = inNetns(fd, () => netnsInode(HERE));
  assert.equal(inside, netns.inode);
  assert.equal(netnsInode(HERE), stage.home.inode);
  assert.equal(ownNetnsInode(), stage.home.inode);
});

test('the thread is back also when the function throws', { skip }, (t) => {
  const stage = setStage(t);
  const { fd } = stage.own(opened(stage.netns()));
  const failure = new Error('inside');
  assert.throws(
    () =>
      inNetns(fd, () => {
        throw failure;
      }),
    failure,
  );
  assert.equal(netnsInode(HERE), stage.home.inode);
});

test('what is no network namespace is not entered', { skip }, (t) => {
  const stage = setStage(t);
  for (const path of ['/proc/self/ns/uts', '/dev/null']) {
    const { fd } = stage.own(openSync(path, 'r'));
    assert.equal(isNetns(fd), false, path);
    assert.throws(
      () => inNetns(fd, () => assert.fail('inside')),
      (error) => isKernelError(error, 'EINVAL'),
    );
  }
  assert.equal(isNetns(stage.own(openSync(HERE, 'r')).fd), true);
});

test('each namespace has a cookie of its own, the same for each of its sockets', { skip }, (t) => {
  const stage = setStage(t);
  const cookieIn = (fd: number) =>
    inNetns(fd, () => netnsCookie(stage.own(socket(AF_INET, SOCK_DGRAM, 0)).fd));
  const [a, b] = [stage.own(opened(stage.netns())).fd, stage.own(opened(stage.netns())).fd];
  assert.match(cookieIn(a) ?? '', /^\d+$/);
  assert.equal(cookieIn(a), cookieIn(a));
  assert.notEqual(cookieIn(a), cookieIn(b));
});

test('a namespace is opened by its path, and another one there is refused', { skip }, (t) => {
  const stage = setStage(t);
  const netns = stage.netns();
  assert.equal(statusOf(stage.own(opened(netns)).fd).inode, netns.inode);
  assert.throws(
    () => openNetns({ root: null, path: netns.path }, stage.home.inode, nsfs),
    (error) => isKernelError(error, 'EBADF'),
  );
});

test('a path that leads to a FIFO, a device or a file is refused and not opened', { skip }, (t) => {
  const stage = setStage(t);
  const path = directory(stage);
  const [fifo, device, file] = [join(path, 'fifo'), join(path, 'tty'), join(path, 'file')];
  run('mkfifo', fifo);
  symlinkSync('/dev/ptmx', device);
  writeFileSync(file, '');
  for (const place of [fifo, device, file]) {
    // To open the FIFO would wait for a writer without end, and the device would make a terminal.
    assert.throws(
      () => openNetns({ root: null, path: place }, netnsInode(place), nsfs),
      (error) => isKernelError(error, 'EBADF'),
      place,
    );
  }
});

test('a path inside another root cannot lead out of it, by link or by dots', { skip }, (t) => {
  const stage = setStage(t);
  const netns = stage.netns();
  const root = directory(stage);
  mkdirSync(join(root, 'run'));
  symlinkSync(netns.path, join(root, 'run/absolute'));
  symlinkSync(`../../../../../..${netns.path}`, join(root, 'run/dots'));
  symlinkSync('/proc/self/ns/net', join(root, 'run/magic'));
  for (const path of ['/run/absolute', '/run/dots', '/run/magic', `/../..${netns.path}`]) {
    assert.throws(
      () => openNetns({ root, path }, netns.inode, nsfs),
      (error) => isKernelError(error, 'ENOENT'),
      path,
    );
  }
  // The same links lead there from the root that they were made for.
  const { fd } = stage.own(
    openNetns({ root: '/', path: join(root, 'run/absolute') }, netns.inode, nsfs),
  );
  assert.equal(statusOf(fd).inode, netns.inode);
});

test('a magic link inside another root is not followed', { skip }, (t) => {
  setStage(t);
  assert.throws(
    () => openNetns({ root: '/', path: '/proc/self/ns/net' }, netnsInode(HERE), nsfs),
    (error) => isKernelError(error, 'ELOOP'),
  );
});

test(
  'a namespace that is mounted only in another mount namespace is opened through the root there',
  { skip },
  async (t) => {
    const stage = setStage(t);
    const netns = stage.netns();
    const path = join(directory(stage), 'ns');
    writeFileSync(path, '');
    const script = 'mount --bind "$0" "$1" && shift && exec "$@"';
    const under = ['unshare', '-m', 'sh', '-c', script, netns.path, path];
    const { pid } = await stage.holder([], { under });
    assert.throws(
      () => openNetns({ root: null, path }, netns.inode, nsfs),
      (error) => isKernelError(error, 'EBADF'),
    );
    const { fd } = stage.own(openNetns({ root: `/proc/${pid}/root`, path }, netns.inode, nsfs));
    assert.equal(statusOf(fd).inode, netns.inode);
  },
);
