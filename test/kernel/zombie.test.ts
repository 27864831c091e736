// What /proc still tells of a process that has ended and that nobody has reaped: a scan meets them.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { readLink, statusOfPath } from '../../src/kernel/descriptor.js';
import { isKernelError } from '../../src/kernel/kernel-error.js';
import { nsfsDevice } from '../../src/kernel/netns.js';
import { pidfdGetfd, pidfdOpen, pidfdStands } from '../../src/kernel/pidfd.js';
import { walkFdTable } from '../../src/kernel/proc-fd.js';
import { readCgroup } from '../../src/kernel/proc-pid-cgroup.js';
import { readCommandLine } from '../../src/kernel/proc-pid-cmdline.js';
import { readNetnsMounts } from '../../src/kernel/proc-pid-mountinfo.js';
import { readPidStat } from '../../src/kernel/proc-pid-stat.js';
import { readPidStatus } from '../../src/kernel/proc-pid-status.js';
import { missing } from '../stage/ability.js';
import { setStage, type Stage } from '../stage/stage.js';
import { until } from '../stage/until.js';

// Root of a user namespace may not look at the descriptors of a zombie, whose user is the real root.
const skip = missing('initial-root');
const targets = { major: 10, minor: 200, majors: [], nsfs: nsfsDevice(), hidingPlaces: null };

/** A child of a process that became another program, which knows of no child to reap. */
async function zombie(stage: Stage): Promise<number> {
  const parent = spawn('sh', ['-c', 'sleep 0 & echo $!; exec cat'], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  const closed = once(parent, 'close');
  stage.atEnd(async () => {
    parent.kill('SIGKILL');
    await closed;
  });
  const [line] = (await once(parent.stdout, 'data')) as [Buffer];
  const pid = Number(line.toString());
  await until('it is a zombie', () => readFileSync(`/proc/${pid}/stat`, 'utf8').includes(') Z '));
  return pid;
}

test('a zombie has an identity, and nothing else', { skip }, async (t) => {
  const stage = setStage(t);
  const pid = await zombie(stage);
  const directory = `/proc/${pid}`;
  assert.equal(readPidStat(directory).threads, 1);
  assert.deepEqual(readPidStatus(directory).nsPids, [pid]);
  assert.deepEqual(readCommandLine(directory), []);
  assert.equal(typeof readCgroup(directory).path, 'string');
  assert.deepEqual(readNetnsMounts(directory), []);
  assert.deepEqual(walkFdTable(`${directory}/fd`, targets).devices, []);
});

test(
  'what a zombie no longer has is not there: its program, its namespaces',
  { skip },
  async (t) => {
    const stage = setStage(t);
    const directory = `/proc/${await zombie(stage)}`;
    for (const look of [
      () => readLink(`${directory}/exe`),
      () => statusOfPath(`${directory}/ns/net`),
      () => statusOfPath(`${directory}/ns/mnt`),
    ]) {
      assert.throws(look, (error) => isKernelError(error, 'ENOENT'));
    }
  },
);

test('a zombie keeps its pid, and has no descriptor to copy', { skip }, async (t) => {
  const stage = setStage(t);
  const { fd } = stage.own(pidfdOpen(await zombie(stage)));
  assert.equal(pidfdStands(fd), true);
  assert.throws(
    () => pidfdGetfd(fd, 0),
    (error) => isKernelError(error, 'EBADF', 'ESRCH'),
  );
});
