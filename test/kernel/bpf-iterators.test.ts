// What the iterators tell, against what the files themselves and /proc say.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { fstatSync, mkdtempSync, openSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import {
  BpfIterators,
  parseOpenFiles,
  parseTasks,
  type OpenFileRecord,
  type OpenFileTargets,
} from '../../src/kernel/bpf-iterators.js';
import { isKernelError } from '../../src/kernel/kernel-error.js';
import { nsfsDevice } from '../../src/kernel/netns.js';
import { readCharacterMajors } from '../../src/kernel/proc-devices.js';
import { readPidStat } from '../../src/kernel/proc-pid-stat.js';
import { TUN_MAJOR, TUN_MINOR } from '../../src/kernel/tun.js';
import { missing } from '../stage/ability.js';
import { bpfOfFile } from '../stage/bpf.js';
import { leaderless } from '../stage/leaderless.js';
import { addMacvtap, missingMacvtap, openMacvtap } from '../stage/macvtap.js';
import { Netns } from '../stage/netns.js';
import { setStage } from '../stage/stage.js';
import { IFF_MULTI_QUEUE, IFF_NO_PI, IFF_TAP, IFF_TUN, openTun, setQueue } from '../stage/tun.js';

const { skip, iterators } = bpfOfFile();
const O_PATH = 0o10000000;
const CLONE_NEWNET = 0x40000000;

function targets(): OpenFileTargets {
  const major = readCharacterMajors('/proc').get('macvtap');
  const majors = major === undefined ? [] : [major];
  return { major: TUN_MAJOR, minor: TUN_MINOR, majors, nsfs: nsfsDevice() };
}

async function own(): Promise<OpenFileRecord[]> {
  const files = await iterators().openFiles(targets());
  return files.filter(({ pid }) => pid === process.pid);
}

async function ownAt(fd: number): Promise<OpenFileRecord> {
  const records = (await own()).filter((record) => record.fd === fd);
  assert.equal(records.length, 1);
  return records[0]!;
}

test('a queue is told with its device, wherever that is by now', { skip }, async (t) => {
  const stage = setStage(t);
  const [device, netns] = [stage.deviceName(), stage.netns()];
  const { fd } = stage.queue(device);
  stage.home.move(device, netns);
  const record = await ownAt(fd);
  assert.deepEqual(record.device, { major: TUN_MAJOR, minor: TUN_MINOR });
  assert.equal(record.tid, process.pid);
  assert.equal(record.inode, fstatSync(fd).ino);
  assert.equal(record.sight.startTime, readPidStat(`/proc/${process.pid}`).startTime);
  const { netnsCookie, ...attachment } = record.sight.attachment!;
  assert.match(netnsCookie!, /^\d+$/);
  assert.deepEqual(attachment, {
    netns: netns.inode,
    ifindex: netns.ifindex(device),
    name: device,
    tap: true,
    detached: false,
    openedNetns: stage.home.inode,
  });
});

test(
  'a file that is attached to nothing is told so, also when its device has gone',
  { skip },
  async (t) => {
    const stage = setStage(t);
    const device = stage.deviceName();
    const [never, orphan] = [stage.own(openTun()), stage.queue(device)];
    stage.home.ip('link', 'del', device);
    for (const { fd } of [never, orphan]) assert.equal((await ownAt(fd)).sight.attachment, null);
  },
);

test(
  'a path to the node that was not opened is no queue, and not taken for one',
  { skip },
  async (t) => {
    const stage = setStage(t);
    const { fd } = stage.own(openSync('/dev/net/tun', O_PATH));
    assert.equal((await ownAt(fd)).sight.attachment, undefined);
  },
);

test('a TUN device is no TAP device, and a detached queue is told as one', { skip }, async (t) => {
  const stage = setStage(t);
  const tun = stage.queue(stage.deviceName(), IFF_TUN | IFF_NO_PI);
  const detached = stage.queue(stage.deviceName(), IFF_TAP | IFF_NO_PI | IFF_MULTI_QUEUE);
  setQueue(detached.fd, 'detach');
  assert.equal((await ownAt(tun.fd)).sight.attachment?.tap, false);
  assert.equal((await ownAt(detached.fd)).sight.attachment?.detached, true);
});

test(
  'a file of a macvtap is told with its namespace, which it does not tell itself',
  { skip: skip || missingMacvtap() },
  async (t) => {
    const stage = setStage(t);
    const [below, device, netns] = [stage.unheldDevice(), stage.deviceName(), stage.netns()];
    addMacvtap(stage, below, device);
    const { fd } = await openMacvtap(stage, stage.home, device);
    stage.home.move(device, netns);
    const { netns: inode, ifindex, name, tap, detached } = (await ownAt(fd)).sight.attachment!;
    assert.deepEqual(
      { inode, ifindex, name, tap, detached },
      {
        inode: netns.inode,
        ifindex: netns.ifindex(device),
        name: device,
        tap: true,
        detached: false,
      },
    );
  },
);

test(
  'descriptors of one open file are told with the same file, others with others',
  { skip },
  async (t) => {
    const stage = setStage(t);
    const shared = stage.queue(stage.deviceName());
    const agent = await stage.agent([shared, stage.queue(stage.deviceName())]);
    const [copy, child] = [await agent.dup(3), await agent.spawn([3, 4])];
    const files = await iterators().openFiles(targets());
    const fileAt = (pid: number, fd: number) =>
      files.find((file) => file.pid === pid && file.fd === fd)?.sight.file;
    const one = fileAt(agent.pid, 3);
    assert.notEqual(one, undefined);
    assert.deepEqual([fileAt(agent.pid, copy), fileAt(child, 3)], [one, one]);
    assert.equal(fileAt(child, 4), fileAt(agent.pid, 4));
    assert.notEqual(fileAt(agent.pid, 4), one);
  },
);

test('an open namespace is told by its inode', { skip }, async (t) => {
  const stage = setStage(t);
  const netns = stage.netns();
  const { fd } = stage.own(openSync(netns.path, 'r'));
  const { device, inode } = await ownAt(fd);
  assert.deepEqual({ device, inode }, { device: null, inode: netns.inode });
});

test('more files than one read brings are all told, each once', { skip }, async (t) => {
  const stage = setStage(t);
  const fds = Array.from({ length: 1500 }, () => stage.own(openTun()).fd);
  const told = (await own()).map(({ fd }) => fd).filter((fd) => fds.includes(fd));
  assert.deepEqual(
    told,
    fds.sort((a, b) => a - b),
  );
});

test('iterations at the same time do not disturb each other', { skip }, async (t) => {
  const stage = setStage(t);
  const fds = Array.from({ length: 600 }, () => stage.own(openTun()).fd);
  const all = await Promise.all([own(), own(), iterators().tasks(), own()]);
  for (const records of [all[0], all[1], all[3]]) {
    assert.equal(records.filter(({ fd }) => fds.includes(fd)).length, fds.length);
  }
});

test(
  'tasks are told with their namespaces, threads only where theirs are others',
  { skip },
  async (t) => {
    const stage = setStage(t);
    const netns = stage.netns();
    const holder = await stage.holder([], { netns });
    const tasks = await iterators().tasks();
    const ofHolder = tasks.filter(({ pid }) => pid === holder.pid);
    assert.deepEqual(
      ofHolder.map(({ tid, netns: inode }) => ({ tid, inode })),
      [{ tid: holder.pid, inode: netns.inode }],
    );
    // This one has many threads, which are where it is.
    const mine = tasks.filter(({ pid }) => pid === process.pid);
    assert.deepEqual(
      mine.map(({ tid, netns: inode }) => ({ tid, inode })),
      [{ tid: process.pid, inode: stage.home.inode }],
    );
  },
);

test(
  'a thread that has left the namespace of its process is told',
  { skip: skip || missing('command:python3') },
  async (t) => {
    const stage = setStage(t);
    const { pid, tid } = await leaderless(stage, [], { unshare: CLONE_NEWNET });
    const inode = new Netns(`/proc/${pid}/task/${tid}/ns/net`).inode;
    const told = (await iterators().tasks()).filter((task) => task.pid === pid);
    assert.deepEqual(
      told.map((task) => [task.tid, task.netns]),
      [
        [pid, null],
        [tid, inode],
      ],
    );
  },
);

test('processes have the numbers of the pid namespace that is asked from', { skip }, () => {
  const main = fileURLToPath(new URL('bpf-in-pid-namespace-main.ts', import.meta.url));
  const node = [process.execPath, '--import', 'tsx', main];
  const { stdout, stderr, status } = spawnSync(
    'unshare',
    ['--pid', '--fork', '--mount-proc', ...node],
    { encoding: 'utf8' },
  );
  assert.equal(status, 0, stderr);
  assert.deepEqual(JSON.parse(stdout), { pid: 1, tasks: [1], files: [[1, 1]] });
});

test('nothing stays open, and what is closed is gone', { skip }, async (t) => {
  setStage(t);
  const fresh = BpfIterators.load();
  await fresh.openFiles(targets());
  await fresh.tasks();
  fresh.close();
  await assert.rejects(fresh.tasks(), isKernelError);
});

test(
  'an object without these programs does not load',
  { skip: skip || missing('command:clang') },
  (t) => {
    setStage(t);
    const directory = mkdtempSync(join(tmpdir(), 'tapmap-bpf-'));
    t.after(() => {
      rmSync(directory, { recursive: true });
    });
    const source = join(directory, 'empty.bpf.c');
    writeFileSync(source, 'char LICENSE[] __attribute__((section("license"), used)) = "GPL";\n');
    const object = join(directory, 'empty.bpf.o');
    spawnSync('clang', ['-O2', '-g', '-target', 'bpf', '-c', source, '-o', object]);
    assert.deepEqual(readdirSync(directory).sort(), ['empty.bpf.c', 'empty.bpf.o']);
    assert.throws(() => BpfIterators.load(object), isKernelError);
  },
);

test('records that are not whole are an error, none is none', () => {
  assert.deepEqual(parseOpenFiles(Buffer.alloc(0)), []);
  assert.deepEqual(parseTasks(Buffer.alloc(0)), []);
  for (const length of [1, 87, 89]) {
    assert.throws(() => parseOpenFiles(Buffer.alloc(length)), RangeError);
  }
  assert.throws(() => parseTasks(Buffer.alloc(17)), RangeError);
});

test('a name may be as long as the field, and of any bytes', () => {
  const bytes = Buffer.alloc(88);
  bytes.writeUInt32LE(3, 68);
  bytes.fill(0xfe, 72);
  const [record] = parseOpenFiles(bytes);
  assert.equal(record?.sight.attachment?.name, '\xfe'.repeat(16));
});
