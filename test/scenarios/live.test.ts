// What triggers tell reaches a watcher at once: here scans are so rare that none comes while a test waits.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { openSync } from 'node:fs';
import { test } from 'node:test';
import { Verdict, type TapBinding } from '../../src/gen/tapmap/v1/tap_binding.js';
import { TriggerKind } from '../../src/gen/tapmap/v1/coverage.js';
import { missing } from '../stage/ability.js';
import { addMacvtap, missingMacvtap } from '../stage/macvtap.js';
import type { Netns } from '../stage/netns.js';
import { removeNetns } from '../stage/netns.js';
import { setStage } from '../stage/stage.js';
import { IFF_MULTI_QUEUE, IFF_NO_PI, IFF_TAP } from '../stage/tun.js';
import { until } from '../stage/until.js';
import { missingTriggers, Tapmap } from './tapmap.js';

const TAP = IFF_TAP | IFF_NO_PI;
const skip = missingTriggers();
// One ten-thousandth of a percent: a minute apart, which is the longest.
const tapmap = Tapmap.ofFile(skip, { flags: ['--scan-budget', '0.0001'] });

/** The binding of a device as the watch has told it; undefined when it has told of none. */
function told(name: string, netns: Netns): TapBinding | undefined {
  return tapmap.replay
    .bindings()
    .find(({ device }) => device?.name === name && device.netns?.inode === BigInt(netns.inode));
}

async function untilTold(
  what: string,
  name: string,
  netns: Netns,
  check: (binding: TapBinding) => boolean,
): Promise<TapBinding> {
  return await until(`the watch tells ${what}`, () => {
    const binding = told(name, netns);
    return binding !== undefined && check(binding) ? binding : undefined;
  });
}

function pids({ holders }: TapBinding): (number | undefined)[] {
  return holders.map(({ process }) => process?.pid);
}

const isUnheld = ({ verdict }: TapBinding) => verdict === Verdict.VERDICT_UNHELD;
const isHeldBy =
  (...expected: number[]) =>
  (binding: TapBinding) =>
    binding.verdict === Verdict.VERDICT_HELD &&
    expected.every((pid) => pids(binding).includes(pid));

test('a device that is made, and one that is deleted', { skip }, async (t) => {
  const stage = setStage(t);
  const name = stage.unheldDevice();
  await untilTold('UNHELD', name, stage.home, isUnheld);
  stage.home.ip('link', 'del', name);
  await until('the watch tells that it is gone', () => told(name, stage.home) === undefined);
});

test('an attach to a device that is down, and the last close', { skip }, async (t) => {
  const stage = setStage(t);
  const name = stage.unheldDevice();
  const agent = await stage.agent();
  await untilTold('UNHELD', name, stage.home, isUnheld);
  const fd = await agent.open();
  await agent.attach(fd, name, TAP);
  await untilTold('HELD', name, stage.home, isHeldBy(agent.pid));
  await agent.close(fd);
  await untilTold('UNHELD', name, stage.home, isUnheld);
});

test('an attach some time after the open', { skip }, async (t) => {
  const stage = setStage(t);
  const name = stage.unheldDevice();
  const agent = await stage.agent();
  const fd = await agent.open();
  await untilTold('UNHELD', name, stage.home, isUnheld);
  await agent.attach(fd, name, TAP);
  await untilTold('HELD', name, stage.home, isHeldBy(agent.pid));
});

test('a rename, and up and down', { skip }, async (t) => {
  const stage = setStage(t);
  const name = stage.deviceName();
  const holder = await stage.holder([stage.queue(name)]);
  const before = await untilTold('HELD', name, stage.home, isHeldBy(holder.pid));
  const renamed = stage.deviceName();
  stage.home.ip('link', 'set', name, 'name', renamed);
  const after = await untilTold('the name', renamed, stage.home, isHeldBy(holder.pid));
  assert.equal(after.name, before.name);
  assert.equal(told(name, stage.home), undefined);
  stage.home.ip('link', 'set', renamed, 'up');
  await untilTold('that it is up', renamed, stage.home, ({ device }) => device?.up === true);
});

test('a move to a namespace that was not known, and back', { skip }, async (t) => {
  const stage = setStage(t);
  const name = stage.deviceName();
  const holder = await stage.holder([stage.queue(name)]);
  await untilTold('HELD', name, stage.home, isHeldBy(holder.pid));
  const netns = stage.netns();
  stage.home.move(name, netns);
  const moved = await untilTold('the move', name, netns, isHeldBy(holder.pid));
  assert.deepEqual(moved.device?.netns?.paths, [netns.path]);
  assert.equal(told(name, stage.home), undefined);
  netns.ip('link', 'set', name, 'netns', String(process.pid));
  await untilTold('the way back', name, stage.home, isHeldBy(holder.pid));
  assert.equal(told(name, netns), undefined);
});

test('a holder that is killed', { skip }, async (t) => {
  const stage = setStage(t);
  const name = stage.unheldDevice();
  const holder = await stage.holder([stage.queue(name)]);
  await untilTold('HELD', name, stage.home, isHeldBy(holder.pid));
  await holder.kill();
  await untilTold('UNHELD', name, stage.home, isUnheld);
});

test('a fork of the holder, and the exit of one of the two', { skip }, async (t) => {
  const stage = setStage(t);
  const name = stage.deviceName();
  const agent = await stage.agent([stage.queue(name)]);
  await untilTold('HELD', name, stage.home, isHeldBy(agent.pid));
  const child = await agent.spawn([3]);
  await untilTold('both', name, stage.home, isHeldBy(agent.pid, child));
});

test('an exec of the holder', { skip }, async (t) => {
  const stage = setStage(t);
  const name = stage.deviceName();
  const agent = await stage.agent([stage.queue(name)]);
  await untilTold('HELD', name, stage.home, isHeldBy(agent.pid));
  await agent.keepOnExec(3);
  await agent.exec('/bin/sleep', '600');
  await untilTold(
    'the program',
    name,
    stage.home,
    ({ holders }) => holders[0]?.process?.comm === 'sleep',
  );
});

test('one more queue, and one less, of a device that is up', { skip }, async (t) => {
  const stage = setStage(t);
  const name = stage.deviceName();
  const agent = await stage.agent([stage.queue(name, TAP | IFF_MULTI_QUEUE)]);
  stage.home.ip('link', 'set', name, 'up');
  await untilTold('HELD', name, stage.home, isHeldBy(agent.pid));
  const fd = await agent.open();
  await agent.attach(fd, name, TAP | IFF_MULTI_QUEUE);
  await untilTold('two queues', name, stage.home, ({ queues }) => queues?.found === 2);
  await agent.setQueue(fd, 'detach');
  await untilTold('a detached one', name, stage.home, ({ queues }) => queues?.disabled === 1);
});

test(
  'an attach through a node that a container has of its own, before anybody has opened that',
  { skip },
  async (t) => {
    const stage = setStage(t);
    const name = stage.unheldDevice();
    const ownNode =
      'mount -t tmpfs tmpfs /dev/net && mknod -m 600 /dev/net/tun c 10 200 && exec "$@"';
    const first = await stage.agent([], {
      under: ['unshare', '--mount', 'sh', '-c', ownNode, 'container'],
    });
    // The program that a container starts with is watched for a while anyway; one that comes later is not.
    const later = await stage.agent([], {
      under: ['nsenter', `--mount=/proc/${first.pid}/ns/mnt`, '--'],
    });
    const fd = await later.open();
    await later.attach(fd, name, TAP);
    await untilTold('HELD', name, stage.home, isHeldBy(later.pid));
    await later.close(fd);
    await untilTold('UNHELD', name, stage.home, isUnheld);
  },
);

test('a device that a program makes in a namespace where nobody has been', { skip }, async (t) => {
  const stage = setStage(t);
  const netns = stage.netns();
  const name = stage.deviceName();
  netns.ip('tuntap', 'add', name, 'mode', 'tap');
  const made = await untilTold('UNHELD', name, netns, isUnheld);
  assert.deepEqual(made.device?.netns?.paths, [netns.path]);
  netns.ip('link', 'del', name);
  await until('the watch tells that it is gone', () => told(name, netns) === undefined);
});

test(
  'a device that a process makes in a namespace that it has only just made for itself',
  { skip: skip || missing('command:python3') },
  async (t) => {
    const stage = setStage(t);
    const name = stage.deviceName();
    const make = `import ctypes,fcntl,os,struct,sys
ctypes.CDLL(None).unshare(0x40000000)
fd=os.open('/dev/net/tun',os.O_RDWR)
fcntl.ioctl(fd,0x400454ca,struct.pack('16sH22x',b'${name}',0x1002))
fcntl.ioctl(fd,0x400454cb,1)
os.close(fd)
sys.stdin.read()`;
    const child = spawn('python3', ['-c', make], { stdio: ['pipe', 'ignore', 'inherit'] });
    const exited = once(child, 'exit');
    stage.atEnd(async () => {
      child.kill();
      await exited;
    });
    const isThere = ({ device }: TapBinding) => device?.name === name;
    await until('the watch tells it', () => tapmap.replay.bindings().some(isThere));
  },
);

test('a namespace that is deleted, and what is in it', { skip }, async (t) => {
  const stage = setStage(t);
  const netns = stage.netns();
  const name = stage.unheldDevice(netns);
  await untilTold('UNHELD', name, netns, isUnheld);
  const inode = netns.inode;
  removeNetns(netns.path.replace('/run/netns/', ''));
  await until('the watch tells that it is gone', () =>
    tapmap.replay
      .bindings()
      .every(({ device }) => device?.netns?.inode !== BigInt(inode) || device.name !== name),
  );
});

const skipMacvtap = skip === false ? missingMacvtap() : skip;

test('a macvtap whose node in /dev is opened, and closed', { skip: skipMacvtap }, async (t) => {
  const stage = setStage(t);
  const [below, name] = [stage.unheldDevice(), stage.deviceName()];
  addMacvtap(stage, below, name);
  const ifindex = stage.home.ifindex(name);
  await untilTold('it', name, stage.home, ({ verdict }) => verdict === Verdict.VERDICT_UNKNOWN);
  const holder = await stage.holder([stage.own(openSync(`/dev/tap${ifindex}`, 'r+'))]);
  await untilTold('HELD', name, stage.home, isHeldBy(holder.pid));
  await holder.kill();
  await untilTold('that nobody holds it', name, stage.home, (told) => told.holders.length === 0);
});

test('events that were lost are told as such, and nothing is missed', { skip }, async (t) => {
  const stage = setStage(t);
  const name = stage.deviceName();
  await stage.holder([stage.queue(name)]);
  await untilTold('HELD', name, stage.home, ({ verdict }) => verdict === Verdict.VERDICT_HELD);
  const losses = () =>
    tapmap.replay.coverage?.triggers.find(({ kind }) => kind === TriggerKind.TRIGGER_KIND_RTNETLINK)
      ?.losses ?? 0n;
  const before = losses();
  tapmap.signalProbe('SIGSTOP');
  try {
    // Each makes an event of about 2 KiB in a buffer of 16 MiB.
    stage.home.run('sh', '-c', `seq -f 'link set ${name} mtu %g' 1000 21000 | ip -batch -`);
    stage.home.ip('link', 'set', name, 'mtu', '1234');
  } finally {
    tapmap.signalProbe('SIGCONT');
  }
  await untilTold('what it is in the end', name, stage.home, ({ device }) => device?.mtu === 1234);
  await until('the watch tells of the loss', () => losses() > before);
});
