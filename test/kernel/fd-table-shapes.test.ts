// The finder's loop over tables of any shape, of numbers as high as there are, and of other drivers.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { openSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import fc from 'fast-check';
import { nsfsDevice } from '../../src/kernel/netns.js';
import { isKernelError } from '../../src/kernel/kernel-error.js';
import { walkFdTable, type FdTargets } from '../../src/kernel/proc-fd.js';
import { TUN_MAJOR, TUN_MINOR } from '../../src/kernel/tun.js';
import { missing } from '../stage/ability.js';
import { OwnFd, setStage, type Stage } from '../stage/stage.js';
import { openTun } from '../stage/tun.js';

const skip = missing('root', 'tun');
const targets: FdTargets = {
  major: TUN_MAJOR,
  minor: TUN_MINOR,
  majors: [],
  nsfs: nsfsDevice(),
  hidingPlaces: null,
};
/** The hard limit: one more than the highest number there can be. */
const NUMBERS = Number(
  /^Max open files +\S+ +(\d+)/m.exec(readFileSync('/proc/self/limits', 'utf8'))?.[1],
);
const TUN_DEVICE = statSync('/dev/net/tun').rdev;

function found(directory: string, of = targets): number[] {
  return walkFdTable(directory, of)
    .devices.map(({ fd }) => fd)
    .sort((a, b) => a - b);
}

/** The descriptors of a table that are a device, as stat(2) of each that readdir(3) lists says. */
function listed(directory: string, rdev: number): number[] {
  return readdirSync(directory)
    .map(Number)
    .filter((fd) => statSync(join(directory, String(fd)), { throwIfNoEntry: false })?.rdev === rdev)
    .sort((a, b) => a - b);
}

/** A process with the tun file at a number that only a table of its own can have. */
async function holderAt(stage: Stage, number: number): Promise<string> {
  const tun = stage.own(openTun());
  const script = `
import os, resource, sys
resource.setrlimit(resource.RLIMIT_NOFILE, (${number} + 1, ${number} + 1))
os.dup2(3, ${number})
os.close(3)
os.write(1, b'ready')
os.read(0, 1)
`;
  const child = spawn('python3', ['-c', script], { stdio: ['pipe', 'pipe', 'inherit', tun.fd] });
  const closed = once(child, 'close');
  stage.atEnd(async () => {
    child.kill('SIGKILL');
    await closed;
  });
  const [ready] = (await Promise.race([once(child.stdout!, 'data'), closed])) as [unknown];
  assert.equal(String(ready), 'ready');
  return `/proc/${child.pid!}/fd`;
}

test(
  'whatever the shape of a table, what is found is what stat says of all that readdir lists',
  { skip },
  (t) => {
    setStage(t);
    const slot = fc.constantFrom('tun', 'null', 'closed');
    const slots = fc.array(slot, { maxLength: 120, size: 'max' });
    fc.assert(
      fc.property(slots, (shape) => {
        const fds = shape.map(
          (kind) => new OwnFd(kind === 'tun' ? openTun() : openSync('/dev/null', 'r')),
        );
        try {
          shape.forEach((kind, i) => {
            if (kind === 'closed') fds[i]!.close();
          });
          assert.deepEqual(found('/proc/self/fd'), listed('/proc/self/fd', TUN_DEVICE));
          assert.equal(
            found('/proc/self/fd').length,
            shape.filter((kind) => kind === 'tun').length,
          );
        } finally {
          for (const own of fds) own.close();
        }
      }),
      { numRuns: 40 },
    );
  },
);

for (const number of [4095, 4096, Math.min(NUMBERS, 1024 * 1024) - 1]) {
  const tooHigh = number < NUMBERS ? false : `no more than ${NUMBERS} descriptors`;
  test(
    `a file at the number ${number} of a process that has few others is found`,
    { skip: missing('root', 'tun', 'command:python3') || tooHigh },
    async (t) => {
      const stage = setStage(t);
      const directory = await holderAt(stage, number);
      assert.ok(readdirSync(directory).length < 10);
      assert.deepEqual(found(directory), [number]);
    },
  );
}

test('every minor of a driver is found by its major, and told with its numbers', { skip }, (t) => {
  const stage = setStage(t);
  stage.own(openTun());
  const [zero, full] = ['/dev/zero', '/dev/full'].map((path) => stage.own(openSync(path, 'r')));
  const memory = { ...targets, majors: [1], major: 0 };
  const { devices } = walkFdTable('/proc/self/fd', memory);
  for (const [own, minor] of [
    [zero!, 5],
    [full!, 7],
  ] as const) {
    assert.deepEqual(
      devices.filter(({ fd }) => fd === own.fd),
      [{ fd: own.fd, major: 1, minor }],
    );
  }
  assert.ok(devices.every(({ major }) => major === 1));
  // Of the major that tun shares with all other small drivers only its own minor.
  assert.deepEqual(found('/proc/self/fd', { ...targets, minor: TUN_MINOR + 1 }), []);
});

test(
  'of a process that ends meanwhile all is told, or nothing, or that it is gone',
  // Root of a user namespace may not look at the descriptors of a zombie.
  { skip: missing('initial-root', 'tun') },
  async (t) => {
    const stage = setStage(t);
    for (let i = 0; i < 5; i++) {
      const holder = await stage.holder([stage.own(openTun())]);
      const directory = `/proc/${holder.pid}/fd`;
      assert.deepEqual(found(directory), [3]);
      process.kill(holder.pid, 'SIGKILL');
      let seen = [3];
      // Nothing reaps it while this runs; as a zombie it has a table without anything in it.
      for (let tries = 0; seen.length > 0 && tries < 100_000; tries++) {
        seen = found(directory);
        assert.ok(seen.length === 0 || seen[0] === 3);
      }
      assert.deepEqual(seen, []);
      await holder.exited();
      assert.throws(
        () => found(directory),
        (error) => isKernelError(error, 'ENOENT', 'ESRCH'),
      );
    }
  },
);
