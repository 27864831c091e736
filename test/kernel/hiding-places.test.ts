// The walk's other catch: files that can keep other files open.
import assert from 'node:assert/strict';
import { fstatSync, openSync } from 'node:fs';
import { createServer } from 'node:net';
import { test } from 'node:test';
import { once } from 'node:events';
import { readFdsInFlight } from '../../src/kernel/proc-pid-fdinfo.js';
import { nsfsDevice } from '../../src/kernel/netns.js';
import { walkFdTable, type FdTargets } from '../../src/kernel/proc-fd.js';
import { TUN_MAJOR, TUN_MINOR } from '../../src/kernel/tun.js';
import { setStage } from '../stage/stage.js';

// Where there is no vhost-net, another device stands for it: /dev/zero.
const ZERO = { major: 1, minor: 5 };
const targets: FdTargets = {
  major: TUN_MAJOR,
  minor: TUN_MINOR,
  majors: [],
  nsfs: nsfsDevice(),
  hidingPlaces: { vhostNet: ZERO },
};

test('a walk that looks for hiding places finds sockets, by inode', async (t) => {
  const stage = setStage(t);
  const server = createServer();
  server.listen(`\0tapmap-test-${process.pid}`);
  await once(server, 'listening');
  stage.atEnd(() => {
    server.close();
  });
  const { fd } = (server as unknown as { _handle: { fd: number } })._handle;
  const found = walkFdTable('/proc/self/fd', targets).hidingPlaces.find((one) => one.fd === fd);
  assert.deepEqual(found, { fd, type: 'socket', inode: fstatSync(fd).ino });
  assert.equal(readFdsInFlight('/proc/self', fd), 0);
});

test('a walk that looks for hiding places finds devices of the number of vhost-net', (t) => {
  const stage = setStage(t);
  const { fd } = stage.own(openSync('/dev/zero', 'r'));
  const { hidingPlaces } = walkFdTable('/proc/self/fd', targets);
  assert.equal(hidingPlaces.find((one) => one.fd === fd)?.type, 'vhost-net');
});

test('a walk that does not look for them has none', (t) => {
  const stage = setStage(t);
  stage.own(openSync('/dev/zero', 'r'));
  assert.deepEqual(
    walkFdTable('/proc/self/fd', { ...targets, hidingPlaces: null }).hidingPlaces,
    [],
  );
});

test('files without a type, such as event queues, are candidates for io_uring', () => {
  // Node has an event queue of its own.
  const { hidingPlaces } = walkFdTable('/proc/self/fd', targets);
  assert.ok(hidingPlaces.some(({ type }) => type === 'anonymous'));
});
