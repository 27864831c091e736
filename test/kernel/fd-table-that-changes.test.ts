// The finder's loop over the table of a process that opens and closes files as fast as it can.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { test } from 'node:test';
import { nsfsDevice } from '../../src/kernel/netns.js';
import { walkFdTable } from '../../src/kernel/proc-fd.js';
import { TUN_MAJOR, TUN_MINOR } from '../../src/kernel/tun.js';
import { missing } from '../stage/ability.js';
import { setStage } from '../stage/stage.js';
import { openTun } from '../stage/tun.js';

const targets = {
  major: TUN_MAJOR,
  minor: TUN_MINOR,
  majors: [],
  nsfs: nsfsDevice(),
  hidingPlaces: null,
};
const HIGH = 200;
const WALKS = 10_000;

// Python, as it can close what it was started with, and opens nothing by itself: one file is behind
// the gap, and one comes and goes before it.
const CHURN = `
import os
os.closerange(3, ${HIGH})
os.closerange(${HIGH} + 1, 4096)
os.write(1, b'ready')
while True: os.close(os.dup(0))
`;

test(
  'a file behind a gap is never missed, whatever opens and closes before it',
  { skip: missing('root', 'tun', 'command:python3') },
  async (t) => {
    const stage = setStage(t);
    const tun = stage.own(openTun());
    const stdio: ('ignore' | 'pipe' | number)[] = Array<'ignore'>(HIGH + 1).fill('ignore');
    stdio[1] = 'pipe';
    stdio[HIGH] = tun.fd;
    const child = spawn('python3', ['-c', CHURN], { stdio });
    const closed = once(child, 'close');
    stage.atEnd(async () => {
      child.kill('SIGKILL');
      await closed;
    });
    await once(child.stdout!, 'data');
    for (let i = 0; i < WALKS; i++) {
      const { devices } = walkFdTable(`/proc/${child.pid!}/fd`, targets);
      assert.deepEqual(devices, [{ fd: HIGH, major: TUN_MAJOR, minor: TUN_MINOR }]);
    }
  },
);
