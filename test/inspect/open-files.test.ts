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

const WITHOUT_KCMP: Linux = {
  ...linux,
  compareOpenFiles: () => {
    throw new KernelError('kcmp', 'ENOSYS');
  },
};

test(
  'where the kernel does not compare, all that is attached to a device of one queue is one open file',
  { skip },
  async (t) => {
    const stage = setStage(t);
    const device = stage.deviceName();
    const { pid, copy, child, fd } = await forkedAndCopied(stage, device);
    const [one, other] = [`${pid}.${fd} ${pid}.${copy}`, `${child}.3`];
    const together = pid < child ? `${one} ${other}` : `${other} ${one}`;
    assert.deepEqual(await filesOf(stage, device, WITHOUT_KCMP), [together]);
  },
);

test(
  'where the kernel does not compare, descriptors of a device of several queues have no queue that is told',
  { skip },
  async (t) => {
    const stage = setStage(t);
    const device = stage.deviceName();
    const [one, two] = [stage.queue(device, MULTI), stage.queue(device, MULTI)];
    const holder = await stage.holder([one, two, stage.own(dup(two.fd))]);
    const scan = await scanned(inspectorOn(WITHOUT_KCMP));
    const { holders, queues, verdict, reasons } = bindingOf(scan, device, stage.home);
    assert.deepEqual(
      holders.map(({ process, fds }) => [process.pid, fds.map(({ fd, queue }) => [fd, queue])]),
      [[holder.pid, [3, 4, 5].map((fd) => [fd, ''])]],
    );
    // One at least.
    assert.deepEqual(queues, { attached: 2, disabled: 0, found: 1 });
    assert.equal(verdict, 'UNKNOWN');
    assert.deepEqual(
      reasons.map(({ code }) => code),
      ['OPEN_FILES_INDISTINGUISHABLE'],
    );
  },
);

test(
  'where the kernel does not compare, a lone descriptor is an open file, and missing queues are missing',
  { skip },
  async (t) => {
    const stage = setStage(t);
    const device = stage.deviceName();
    const queues = [stage.queue(device, MULTI), stage.queue(device, MULTI)];
    await stage.holder([stage.own(dup(queues[0]!.fd))]);
    const scan = await inspectorOn(WITHOUT_KCMP).scan();
    const binding = bindingOf(scan, device, stage.home);
    assert.notEqual(binding.holders[0]?.fds[0]?.queue, '');
    assert.deepEqual(binding.queues, { attached: 2, disabled: 0, found: 1 });
    // This process holds both, and is no holder to itself.
    assert.notEqual(binding.verdict, 'HELD');
    assert.notEqual(binding.reasons[0]?.code, 'OPEN_FILES_INDISTINGUISHABLE');
  },
);

test(
  'a file whose namespace is not told has one id on each device that it may belong to',
  { skip },
  async (t) => {
    const stage = setStage(t);
    const [device, other] = [stage.deviceName(), stage.netns()];
    const queue = stage.queue(device);
    const shared = stage.own(dup(queue.fd));
    const [one, two] = [await stage.holder([queue]), await stage.holder([shared])];
    await stage.holder([other.within(() => stage.queue(device))]);
    const kernel: Linux = {
      ...linux,
      tunDeviceNetns: () => {
        throw new KernelError('TUNGETDEVNETNS', 'ENOTTY');
      },
      // Otherwise the address would tell them apart.
      tunHardwareAddress: () => {
        throw new KernelError('SIOCGIFHWADDR', 'ENOTTY');
      },
    };
    const scan = await scanned(inspectorOn(kernel));
    const ids = (pid: number) =>
      [stage.home, other].map(
        (netns) =>
          bindingOf(scan, device, netns).holders.find(({ process }) => process.pid === pid)?.fds[0],
      );
    const told = [...ids(one.pid), ...ids(two.pid)];
    assert.ok(told.every((fd) => fd?.evidence === 'NAME' && fd.candidates === 2));
    assert.equal(new Set(told.map((fd) => fd?.queue)).size, 1);
    assert.equal(bindingOf(scan, device, stage.home).queues.found, 2);
  },
);
