// Copies of another process's descriptors, and whether that process is still itself.
import assert from 'node:assert/strict';
import { closeSync, fstatSync, openSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { test } from 'node:test';
import { isKernelError } from '../../src/kernel/kernel-error.js';
import { compareFdTables, compareOpenFiles } from '../../src/kernel/kcmp.js';
import {
  parsePidfdPid,
  pidfdGetfd,
  pidfdOpen,
  pidfdOpenThread,
  pidfdStands,
} from '../../src/kernel/pidfd.js';
import { missing } from '../stage/ability.js';
import { setStage, type Stage } from '../stage/stage.js';

const skip = missing('root');
/** No pid: one more than the most that the kernel gives (PID_MAX_LIMIT). */
const NO_PID = 4 * 1024 * 1024 + 1;

function pinned(stage: Stage, pid: number): number {
  const pidfd = pidfdOpen(pid);
  stage.own(pidfd);
  return pidfd;
}

function readTasks(pid: number): number[] {
  return readdirSync(`/proc/${pid}/task`).map(Number);
}

/** FD_CLOEXEC, as fdinfo tells it in `flags`. */
function isCloseOnExec(fd: number): boolean {
  const flags = /^flags:\s*(\d+)$/m.exec(readFileSync(`/proc/self/fdinfo/${fd}`, 'utf8'))?.[1];
  return (parseInt(flags ?? '', 8) & 0o2000000) !== 0;
}

test(
  'a copy of a descriptor is the same open file as the original, and as no other',
  { skip },
  async (t) => {
    const stage = setStage(t);
    const [original, other] = [
      stage.own(openSync('/dev/null', 'r')),
      stage.own(openSync('/dev/null', 'r')),
    ];
    const again = stage.own(openSync('/dev/null', 'r'));
    const { pid } = await stage.holder([stage.own(openSync('/dev/null', 'r'))]);
    const holder = await stage.agent([again, other]);
    const kept = stage.own(pidfdGetfd(pinned(stage, holder.pid), 3));
    const copy = stage.own(pidfdGetfd(pinned(stage, holder.pid), 3));
    const second = stage.own(pidfdGetfd(pinned(stage, holder.pid), 4));
    const stranger = stage.own(pidfdGetfd(pinned(stage, pid), 3));
    assert.equal(compareOpenFiles(kept.fd, copy.fd), 0);
    for (const different of [second, stranger, original]) {
      const order = compareOpenFiles(copy.fd, different.fd);
      assert.notEqual(order, 0);
      assert.equal(compareOpenFiles(different.fd, copy.fd), -order);
    }
  },
);

test('a copy does not go to programs that this process starts', { skip }, async (t) => {
  const stage = setStage(t);
  const { pid } = await stage.holder([stage.own(openSync('/dev/null', 'r'))]);
  const pidfd = pinned(stage, pid);
  assert.ok(isCloseOnExec(pidfd));
  assert.ok(isCloseOnExec(stage.own(pidfdGetfd(pidfd, 3)).fd));
});

test('a descriptor that the process does not have is EBADF', { skip }, async (t) => {
  const stage = setStage(t);
  const { pid } = await stage.holder([]);
  const pidfd = pinned(stage, pid);
  assert.throws(
    () => pidfdGetfd(pidfd, 999),
    (error) => isKernelError(error, 'EBADF'),
  );
});

test(
  'of a process that has ended nothing can be copied, and it does not stand',
  { skip },
  async (t) => {
    const stage = setStage(t);
    const holder = await stage.holder([stage.own(openSync('/dev/null', 'r'))]);
    const pidfd = pinned(stage, holder.pid);
    assert.equal(pidfdStands(pidfd), true);
    await holder.kill();
    assert.equal(pidfdStands(pidfd), false);
    assert.throws(
      () => pidfdGetfd(pidfd, 3),
      (error) => isKernelError(error, 'ESRCH'),
    );
  },
);

test('there is no pidfd of a process that is not there', () => {
  for (const open of [pidfdOpen, pidfdOpenThread]) {
    assert.throws(
      () => open(NO_PID),
      (error) => isKernelError(error, 'ESRCH'),
    );
  }
});

test(
  'a thread has a pidfd, and shares its table with its process but not with another',
  { skip },
  async (t) => {
    const stage = setStage(t);
    const { pid } = await stage.agent();
    const [tid] = readTasks(pid).filter((task) => task !== pid);
    assert.ok(tid !== undefined, 'Node has threads');
    closeSync(pidfdOpenThread(tid));
    assert.equal(compareFdTables(pid, tid), 0);
    assert.notEqual(compareFdTables(pid, process.pid), 0);
  },
);

test(
  'of a thread with a table of its own the copy is from that table, not from that of the process',
  { skip },
  async (t) => {
    const stage = setStage(t);
    const agent = await stage.agent([stage.own(openSync('/dev/null', 'r'))]);
    const tid = await agent.threadWithOwnTable();
    assert.notEqual(compareFdTables(agent.pid, tid), 0);
    assert.equal(compareFdTables(agent.pid, tid), -compareFdTables(tid, agent.pid));
    await agent.close(3);
    const { fd: thread } = stage.own(pidfdOpenThread(tid));
    assert.equal(fstatSync(stage.own(pidfdGetfd(thread, 3)).fd).rdev, statSync('/dev/null').rdev);
    assert.throws(
      () => pidfdGetfd(pinned(stage, agent.pid), 3),
      (error) => isKernelError(error, 'EBADF'),
    );
  },
);

test('fdinfo of a pidfd tells whom it stands for, and that nobody is left', { skip }, async (t) => {
  const stage = setStage(t);
  const holder = await stage.holder([]);
  const { fd } = stage.own(pidfdOpen(holder.pid));
  const pidOf = () => parsePidfdPid(readFileSync(`/proc/self/fdinfo/${fd}`));
  assert.equal(pidOf(), holder.pid);
  await holder.kill();
  assert.equal(pidOf(), -1);
  assert.equal(parsePidfdPid(Buffer.from('pos:\t0\nflags:\t02\n')), -1);
});
