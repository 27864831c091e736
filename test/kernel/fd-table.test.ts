// The finder's loop, against what readdir says of the same table.
import assert from 'node:assert/strict';
import { openSync, readdirSync, readlinkSync } from 'node:fs';
import { describe, it } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import { isKernelError } from '../../src/kernel/kernel-error.js';
import { nsfsDevice } from '../../src/kernel/netns.js';
import { walkFdTable, type FdTargets } from '../../src/kernel/proc-fd.js';
import { TUN_MAJOR, TUN_MINOR } from '../../src/kernel/tun.js';
import { missing } from '../stage/ability.js';
import { setStage, type OwnFd, type Stage } from '../stage/stage.js';
import { openTun } from '../stage/tun.js';

const skip = missing('tun', 'root');
const targets: FdTargets = {
  major: TUN_MAJOR,
  minor: TUN_MINOR,
  majors: [],
  nsfs: nsfsDevice(),
  hidingPlaces: null,
};

const SELF = '/proc/self/fd';

/** The descriptors of this process that lead to a path, by the other way there is. */
function leadingTo(path: string): number[] {
  return readdirSync(SELF)
    .filter((fd) => {
      try {
        return readlinkSync(`${SELF}/${fd}`) === path;
      } catch {
        return false;
      }
    })
    .map(Number)
    .sort((a, b) => a - b);
}

function found(): number[] {
  return walkFdTable(SELF, targets)
    .devices.map(({ fd }) => fd)
    .sort((a, b) => a - b);
}

function fill(stage: Stage, count: number): OwnFd[] {
  return Array.from({ length: count }, () => stage.own(openSync('/dev/null', 'r')));
}

describe('walking a descriptor table', () => {
  it('finds every tun file of a dense table, and nothing else', { skip }, (t) => {
    const stage = setStage(t);
    for (let i = 0; i < 5; i++) stage.own(openTun());
    assert.deepEqual(found(), leadingTo('/dev/net/tun'));
    assert.equal(found().length, 5);
  });

  it(
    'finds one behind gaps, and one whose number is higher than there are files',
    { skip },
    (t) => {
      const stage = setStage(t);
      const filled = fill(stage, 600);
      const high = stage.own(openTun());
      for (const own of filled.slice(10, 590)) own.close();
      assert.ok(high.fd > 500);
      assert.deepEqual(found(), leadingTo('/dev/net/tun'));
      assert.deepEqual(found(), [high.fd]);
    },
  );

  it('finds one beyond the numbers that are tried without a list', { skip }, (t) => {
    const stage = setStage(t);
    fill(stage, 4200);
    const high = stage.own(openTun());
    assert.ok(high.fd > 4200);
    assert.deepEqual(found(), [high.fd]);
  });

  it('tells of namespaces that are open as files', { skip }, (t) => {
    const stage = setStage(t);
    const { fd } = stage.own(openSync('/proc/self/ns/net', 'r'));
    const inode = stage.home.inode;
    assert.deepEqual(
      walkFdTable(SELF, targets).namespaces.filter((namespace) => namespace.fd === fd),
      [{ fd, inode }],
    );
  });

  it('leaves no descriptor open', { skip }, (t) => {
    const stage = setStage(t);
    stage.own(openTun());
    const before = readdirSync(SELF).length;
    for (let i = 0; i < 50; i++) walkFdTable(SELF, targets);
    assert.equal(readdirSync(SELF).length, before);
  });

  it('of a process that is gone says so', () => {
    assert.throws(
      () => walkFdTable('/proc/4194305/fd', targets),
      (error) => isKernelError(error, 'ENOENT', 'ESRCH'),
    );
  });

  it(
    'of a process that opens and closes all the time never misses a file that stays',
    { skip },
    async (t) => {
      const stage = setStage(t);
      const agent = await stage.agent([stage.own(openTun())]);
      const busy = (async () => {
        for (let i = 0; i < 150; i++) await agent.close(await agent.open('/dev/null'));
      })();
      const state = { walks: 0, over: false };
      void busy.finally(() => {
        state.over = true;
      });
      while (!state.over) {
        const { devices } = walkFdTable(`/proc/${agent.pid}/fd`, targets);
        assert.ok(devices.some(({ fd }) => fd === 3));
        state.walks++;
        await turn();
      }
      await busy;
      assert.ok(state.walks > 100);
    },
  );
});
