// The facts of the kernel that the stage, and with it every kernel test, relies on.
import assert from 'node:assert/strict';
import { fstatSync, readFileSync, readlinkSync } from 'node:fs';
import { test } from 'node:test';
import { missing } from './ability.js';
import { attachedQueues } from './channels.js';
import { netnsInode } from './netns.js';
import { setStage, type OwnFd, type Stage } from './stage.js';
import {
  attach,
  attachedTo,
  deviceNetns,
  IFF_DETACH_QUEUE,
  IFF_MULTI_QUEUE,
  IFF_NO_PI,
  IFF_NOFILTER,
  IFF_PERSIST,
  IFF_TAP,
  IFF_TUN,
  IFF_VNET_HDR,
  openedNetns,
  openTun,
  setGroup,
  setOwner,
  setPersist,
  setQueue,
} from './tun.js';

const skip = missing('root', 'tun', 'netns');
const MULTI = IFF_TAP | IFF_NO_PI | IFF_MULTI_QUEUE;

/** The inode of the netns that an ioctl gives an fd of. */
function netnsOf(stage: Stage, ask: (fd: number) => number, { fd }: OwnFd): number {
  const netns = stage.own(ask(fd));
  return fstatSync(netns.fd).ino;
}

function iff({ fd }: OwnFd): string | undefined {
  return /^iff:\t(.*)$/m.exec(readFileSync(`/proc/self/fdinfo/${fd}`, 'utf8'))?.[1];
}

test('a tun file that is not attached has neither device nor netns: EBADFD', { skip }, (t) => {
  const stage = setStage(t);
  const file = stage.own(openTun());
  assert.throws(() => attachedTo(file.fd), { code: 'EBADFD' });
  assert.throws(() => deviceNetns(file.fd), { code: 'EBADFD' });
  assert.equal(iff(file), '');
  assert.equal(netnsOf(stage, openedNetns, file), stage.home.inode);
});

test('a tun file whose device was deleted under it says EBADFD', { skip }, (t) => {
  const stage = setStage(t);
  const name = stage.deviceName();
  const queue = stage.queue(name);
  assert.equal(attachedTo(queue.fd).name, name);
  stage.home.ip('link', 'del', name);
  assert.throws(() => attachedTo(queue.fd), { code: 'EBADFD' });
  assert.throws(() => deviceNetns(queue.fd), { code: 'EBADFD' });
});

test(
  'TUNGETDEVNETNS follows a device that moves, SIOCGSKNS stays where it was opened',
  { skip },
  (t) => {
    const stage = setStage(t);
    const [opened, moved] = [stage.netns(), stage.netns()];
    const name = stage.deviceName();
    const queue = opened.within(() => stage.queue(name));
    assert.equal(netnsOf(stage, deviceNetns, queue), opened.inode);
    opened.move(name, moved);
    assert.equal(netnsOf(stage, deviceNetns, queue), moved.inode);
    assert.equal(netnsOf(stage, openedNetns, queue), opened.inode);
    assert.equal(netnsInode(stage.home.path), stage.home.inode);
  },
);

test("fdinfo's iff follows a rename", { skip }, (t) => {
  const stage = setStage(t);
  const [name, renamed] = [stage.deviceName(), stage.deviceName()];
  const queue = stage.queue(name);
  assert.equal(iff(queue), name);
  stage.home.ip('link', 'set', name, 'name', renamed);
  assert.equal(iff(queue), renamed);
  assert.equal(attachedTo(queue.fd).name, renamed);
});

test('a queue that is detached still names its device and netns', { skip }, (t) => {
  const stage = setStage(t);
  const name = stage.deviceName();
  const queue = stage.queue(name, MULTI);
  stage.queue(name, MULTI);
  setQueue(queue.fd, 'detach');
  assert.equal(attachedTo(queue.fd).name, name);
  assert.equal(attachedTo(queue.fd).flags & IFF_DETACH_QUEUE, IFF_DETACH_QUEUE);
  assert.equal(netnsOf(stage, deviceNetns, queue), stage.home.inode);
  assert.equal(attachedQueues(name), 1);
  setQueue(queue.fd, 'attach');
  assert.equal(attachedTo(queue.fd).flags & IFF_DETACH_QUEUE, 0);
  assert.equal(attachedQueues(name), 2);
});

test('a second queue of a single-queue device is refused: EBUSY', { skip }, (t) => {
  const stage = setStage(t);
  const name = stage.deviceName();
  stage.queue(name);
  const second = stage.own(openTun());
  assert.throws(
    () => {
      attach(second.fd, name, IFF_TAP | IFF_NO_PI);
    },
    { code: 'EBUSY' },
  );
});

test(
  'the kernel counts attached queues of devices that are DOWN and single-queue',
  { skip },
  (t) => {
    const stage = setStage(t);
    const unheld = stage.unheldDevice();
    assert.equal(attachedQueues(unheld), 0);
    const queue = stage.queue(unheld);
    assert.match(stage.home.ip('-br', 'link', 'show', unheld), /DOWN/);
    assert.equal(attachedQueues(unheld), 1);
    queue.close();
    assert.equal(attachedQueues(unheld), 0);
  },
);

test(
  'TUNGETIFF tells the flags that were set, but never whether packet information is on',
  { skip },
  (t) => {
    const stage = setStage(t);
    const flags = IFF_TUN | IFF_VNET_HDR;
    const name = stage.deviceName();
    const queue = stage.queue(name, flags);
    // Its bit is taken: without a socket filter it is set, IFF_NO_PI or not.
    assert.equal(attachedTo(queue.fd).flags, flags | IFF_NOFILTER);
    assert.match(stage.home.ip('-d', 'link', 'show', name), / pi on /);
    setPersist(queue.fd, true);
    assert.equal(attachedTo(queue.fd).flags, flags | IFF_NOFILTER | IFF_PERSIST);
  },
);

test('owner and group that are set are what the link tells', { skip }, (t) => {
  const stage = setStage(t);
  const name = stage.deviceName();
  const queue = stage.queue(name);
  // Both are ids that a user namespace of one user has, too.
  setOwner(queue.fd, 0);
  setGroup(queue.fd, 0);
  const [link] = JSON.parse(stage.home.ip('-d', '-j', 'link', 'show', name)) as [
    { linkinfo: { info_data: { user?: string; group?: string } } },
  ];
  assert.equal(link.linkinfo.info_data.user, 'root');
  assert.equal(link.linkinfo.info_data.group, 'root');
});

test('a holder has the fd as its fd 3, in the netns it was put in', { skip }, async (t) => {
  const stage = setStage(t);
  const netns = stage.netns();
  const name = stage.deviceName();
  const holder = await stage.holder([stage.queue(name)], { netns });
  assert.equal(readlinkSync(`/proc/${holder.pid}/fd/3`), '/dev/net/tun');
  assert.equal(netnsInode(`/proc/${holder.pid}/ns/net`), netns.inode);
  assert.equal(attachedQueues(name), 1);
  await holder.kill();
  // Not persistent, so the device goes with its only holder.
  assert.throws(() => stage.home.ip('link', 'show', name), /does not exist/);
});

test('an unnamed netns is there as long as its keeper', { skip }, async (t) => {
  const stage = setStage(t);
  const { netns, keeper } = await stage.unnamedNetns();
  const name = stage.unheldDevice();
  stage.home.move(name, netns);
  assert.equal(
    netns.within(() => attachedQueues(name)),
    0,
  );
  assert.notEqual(netns.inode, stage.home.inode);
  await keeper.kill();
  assert.throws(() => netnsInode(netns.path), { code: 'ENOENT' });
});

test('an agent attaches, dups, spawns a holder and execs', { skip }, async (t) => {
  const stage = setStage(t);
  const name = stage.deviceName();
  const agent = await stage.agent();
  const fd = await agent.open();
  await agent.attach(fd, name, IFF_TAP | IFF_NO_PI);
  assert.equal(attachedQueues(name), 1);
  const copy = await agent.dup(fd);
  const child = await agent.spawn([fd]);
  assert.equal(readlinkSync(`/proc/${child}/fd/3`), '/dev/net/tun');
  await agent.keepOnExec(copy);
  await agent.exec('/bin/sleep', 'infinity');
  assert.equal(readlinkSync(`/proc/${agent.pid}/fd/${copy}`), '/dev/net/tun');
  assert.throws(() => readlinkSync(`/proc/${agent.pid}/fd/${fd}`), { code: 'ENOENT' });
  await assert.rejects(agent.open(), /gone/);
});

test('what an agent may not do is told', { skip }, async (t) => {
  const stage = setStage(t);
  const agent = await stage.agent();
  await assert.rejects(agent.attach(99, 'x', IFF_TAP), /TUNSETIFF: EBADF/);
  await agent.exit();
});
