// Scenario 21: the holder ends between any two steps of a scan.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import type { Binding } from '../../src/model/binding.js';
import { missing } from '../stage/ability.js';
import { startAgent, type Agent } from '../stage/agent.js';
import { setStage } from '../stage/stage.js';
import { IFF_NO_PI, IFF_TAP } from '../stage/tun.js';
import { called, inspectorOn, scanned } from './inspecting.js';
import { interrupted, killNow, momentsOf, STEPS } from './moments.js';

const skip = missing('root', 'tun', 'netns');

// Parent of the holders, so that they are reaped while this process waits for it.
let agent: Agent;
before(async () => {
  if (skip === false) agent = await startAgent();
});
after(async () => {
  if (skip === false) await agent.kill();
});

/** A process that alone holds the device, through one open file with so many descriptors. */
async function holderOf(device: string, descriptors: number): Promise<number> {
  const fd = await agent.open();
  await agent.attach(fd, device, IFF_TAP | IFF_NO_PI);
  const pid = await agent.spawn(Array.from({ length: descriptors }, () => fd));
  await agent.close(fd);
  return pid;
}

function assertHeldBy(pid: number, descriptors: number, { verdict, holders }: Binding): void {
  assert.equal(verdict, 'HELD');
  assert.equal(holders.length, 1);
  const [{ process, fds }] = holders as [Binding['holders'][number]];
  assert.equal(process.pid, pid);
  assert.equal(process.ppid, agent.pid);
  assert.equal(process.comm, 'cat');
  assert.deepEqual(process.commandLine, ['cat']);
  const numbers = Array.from({ length: descriptors }, (_, i) => 3 + i);
  assert.ok(fds.length > 0 && fds.every(({ fd }) => numbers.includes(fd)));
  assert.equal(new Set(fds.map(({ queue }) => queue)).size, 1);
}

const cases = [
  { descriptors: 1, steps: STEPS },
  { descriptors: 2, steps: [...STEPS, 'compareOpenFiles'] as const },
];

for (const { descriptors, steps } of cases) {
  for (const moment of momentsOf(steps)) {
    const told = `${moment.when} ${moment.step}, which has ${descriptors} descriptors of it`;

    test(
      `scenario 21: the holder of a persistent device ends right ${told}`,
      { skip },
      async (t) => {
        const stage = setStage(t);
        const device = stage.unheldDevice();
        const pid = await holderOf(device, descriptors);
        const { kernel, happened } = interrupted(moment, { pid, device }, () => {
          killNow(pid);
        });
        const inspector = inspectorOn(kernel);
        const [during, ...none] = called(await scanned(inspector), device);
        assert.ok(happened());
        assert.ok(during !== undefined);
        assert.deepEqual(none, []);
        if (during.verdict === 'UNHELD') assert.deepEqual(during.holders, []);
        else assertHeldBy(pid, descriptors, during);
        const [next] = called(await scanned(inspector), device);
        assert.equal(next?.verdict, 'UNHELD');
        assert.deepEqual(next.holders, []);
      },
    );

    test(
      `scenario 21: the holder of a device that goes with it ends right ${told}`,
      { skip },
      async (t) => {
        const stage = setStage(t);
        const device = stage.deviceName();
        const pid = await holderOf(device, descriptors);
        const { kernel, happened } = interrupted(moment, { pid, device }, () => {
          killNow(pid);
        });
        const inspector = inspectorOn(kernel);
        const during = called(await scanned(inspector), device);
        assert.ok(happened());
        assert.ok(during.length <= 1);
        for (const binding of during) assertHeldBy(pid, descriptors, binding);
        assert.deepEqual(called(await scanned(inspector), device), []);
      },
    );
  }
}

// Here no count of queues tells that anything has changed.
for (const moment of momentsOf([...STEPS, 'compareOpenFiles'])) {
  test(
    `scenario 21: one of two processes that share a queue ends right ${moment.when} ${moment.step}`,
    { skip },
    async (t) => {
      const stage = setStage(t);
      const device = stage.deviceName();
      const fd = await agent.open();
      await agent.attach(fd, device, IFF_TAP | IFF_NO_PI);
      const [pid, other] = [await agent.spawn([fd]), await agent.spawn([fd])];
      await agent.close(fd);
      try {
        const { kernel, happened } = interrupted(moment, { pid, device }, () => {
          killNow(pid);
        });
        const inspector = inspectorOn(kernel);
        const [during] = called(await scanned(inspector), device);
        assert.ok(happened());
        assert.ok(during !== undefined);
        const holders = during.holders.filter(({ process }) => process.pid !== pid);
        assertHeldBy(other, 1, { ...during, holders });
        const ended = during.holders.filter(({ process }) => process.pid === pid);
        if (ended.length > 0) assertHeldBy(pid, 1, { ...during, holders: ended });
        assert.deepEqual(during.queues, { attached: 1, disabled: 0, found: 1 });
        const [next] = called(await scanned(inspector), device);
        assert.ok(next !== undefined);
        assertHeldBy(other, 1, next);
      } finally {
        killNow(other);
      }
    },
  );
}
