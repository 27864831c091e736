// Which descriptors share one open file, on the real kernel.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { KernelError } from '../../src/kernel/kernel-error.js';
import { linux, type Linux } from '../../src/inspect/linux.js';
import { missing } from '../stage/ability.js';
import { dup } from '../stage/libc.js';
import { setStage, type Stage } from '../stage/stage.js';
import { IFF_MULTI_QUEUE, IFF_NO_PI, IFF_TAP } from '../stage/tun.js';
import { bindingOf, inspectorOn, scanned } from './inspecting.js';

const skip = missing('root', 'tun', 'netns');
const MULTI = IFF_TAP | IFF_NO_PI | IFF_MULTI_QUEUE;

/** `pid.fd` of all descriptors, those of one open file together. */
async function filesOf(stage: Stage, device: string, kernel: Linux = linux): Promise<string[]> {
  const { holders, queues } = bindingOf(await scanned(inspectorOn(kernel)), device, stage.home);
  const files = new Map<string, string[]>();
  for (const { process, fds } of holders) {
    for (const { fd, queue } of fds) {
      files.set(queue, [...(files.get(queue) ?? []), `${process.pid}.${fd}`]);
    }
  }
  assert.equal(queues.found, files.size);
  return [...files.values()].map((file) => file.join(' ')).sort();
}

async function forkedAndCopied(stage: Stage, device: string) {
  const agent = await stage.agent();
  const fd = await agent.open();
  await agent.attach(fd, device, IFF_TAP | IFF_NO_PI);
  const copy = await agent.dup(fd);
  return { pid: agent.pid, fd, copy, child: await agent.spawn([fd]) };
}

test('what a process has by fork and by dup is one open file', { skip }, async (t) => {
  const stage = setStage(t);
  const device = stage.deviceName();
  const { pid, copy, child, fd } = await forkedAndCopied(stage, device);
  const pids = [pid, child].sort((a, b) => a - b);
  const [files, ...more] = await filesOf(stage, device);
  assert.deepEqual(more, []);
  const descriptors = pids.flatMap((one) =>
    one === child ? [`${child}.3`] : [`${pid}.${fd}`, `${pid}.${copy}`],
  );
  assert.equal(files, descriptors.join(' '));
});

test(
  '64 queues of one process are 64 open files, and each is known again in the other',
  { skip },
  async (t) => {
    const stage = setStage(t);
    const device = stage.deviceName();
    const queues = Array.from({ length: 64 }, () => stage.queue(device, MULTI));
    const [one, other] = [
      await stage.holder(queues.map(({ fd }) => stage.own(dup(fd)))),
      await stage.holder([...queues].reverse()),
    ];
    const expected = queues.map((_, i) => {
      const descriptors = [`${one.pid}.${3 + i}`, `${other.pid}.${3 + 63 - i}`];
      return (one.pid < other.pid ? descriptors : descriptors.reverse()).join(' ');
    });
    assert.deepEqual(await filesOf(stage, device), expected.sort());
  },
);

test(
  'where the kernel does not compare, each descriptor counts as a file of its own',
  { skip },
  async (t) => {
    const stage = setStage(t);
    const device = stage.deviceName();
    const { pid, copy, child, fd } = await forkedAndCopied(stage, device);
    const kernel: Linux = {
      ...linux,
      compareOpenFiles: () => {
        throw new KernelError('kcmp', 'ENOSYS');
      },
    };
    const alone = [`${pid}.${fd}`, `${pid}.${copy}`, `${child}.3`].sort();
    assert.deepEqual(await filesOf(stage, device, kernel), alone);
  },
);
