import assert from 'node:assert/strict';
import { test } from 'node:test';
import { thisHost } from '../../src/inspect/host.js';
import { linux, type Linux } from '../../src/inspect/linux.js';
import type { Look } from '../../src/inspect/look.js';
import { NetnsBook } from '../../src/inspect/netns-book.js';
import type { CensusEntry } from '../../src/inspect/netns-census.js';
import { KernelError } from '../../src/kernel/kernel-error.js';
import type { Netns } from '../../src/model/device.js';
import type { Workload } from '../../src/model/holder.js';
import { byInode, netnsLinks } from './samples.js';

/** Which process lives in which namespace when it is asked. */
const homes = new Map<number, number>();
const pidOf = (path: string) => Number(path.split('/')[2]);
const kernel: Linux = {
  ...linux,
  pidfdOpen: (pid) => pid,
  close: () => undefined,
  pidfdStands: (pidfd) => homes.has(pidfd),
  readPidStat: (directory) => {
    if (!homes.has(pidOf(directory))) throw new KernelError('open', 'ENOENT');
    return { comm: `comm${pidOf(directory)}`, ppid: 1, threads: 1, startTime: 5 };
  },
  statusOfPath: (path) => ({ ...linux.statusOfPath('/'), inode: homes.get(pidOf(path)) ?? 0 }),
};
const host = { ...thisHost(), linux: kernel, ownNetns: 1 };

function entry(inode: number, pids: number[], ...paths: string[]): CensusEntry {
  return { inode, pids, paths: new Set(paths), files: [], maybeOther: false, isNew: false };
}

function pick({ pid, comm }: Netns): Pick<Netns, 'pid' | 'comm'> {
  return { pid, comm };
}

function bookOf(look: Look, previous: NetnsBook | null): NetnsBook {
  return NetnsBook.of(host, look, previous, null);
}

/** A look that saw nothing but these namespaces, whose processes stay. */
function lookAt(...entries: CensusEntry[]): Look {
  homes.clear();
  for (const { inode, pids } of entries) for (const pid of pids) homes.set(pid, inode);
  return {
    finds: { tables: [], namespaceFiles: new Map(), seen: [], denied: new Map(), tasks: null },
    census: new Map(entries.map((one) => [one.inode, one])),
    mountNamespaces: new Map(),
    namespaces: byInode(...entries.map(({ inode }) => netnsLinks(inode, []))),
    netnsDenied: new Map(),
    processes: new Map(),
    unattached: 0,
    placement: { devices: [], unplaced: [], unlisted: new Map() },
  };
}

test('a namespace is known by cookie, sorted paths, and pid and command of the first process in it', () => {
  const look = lookAt(entry(1, [1]), entry(2, [20, 21], '/run/netns/b', '/run/netns/a'));
  const book = bookOf(look, null);
  assert.deepEqual(book.get(2), {
    inode: 2,
    cookie: 'c2',
    paths: ['/run/netns/a', '/run/netns/b'],
    initial: false,
    pid: 20,
    comm: 'comm20',
    container: '',
  });
  assert.equal(book.get(1).initial, true);
});

test('the process that stands for a namespace stays while it lives there', () => {
  const before = bookOf(lookAt(entry(2, [20])), null);
  const stays = bookOf(lookAt(entry(2, [10, 20])), before);
  assert.equal(stays.get(2).pid, 20);
  const left = bookOf(lookAt(entry(2, [10]), entry(3, [20])), stays);
  assert.equal(left.get(2).pid, 10);
  assert.equal(left.get(3).pid, 20);
});

test('a process that ended or left since it was counted does not stand for the namespace', () => {
  const look = lookAt(entry(2, [20, 21, 22]));
  homes.delete(20);
  homes.set(21, 3);
  assert.deepEqual(pick(bookOf(look, null).get(2)), { pid: 22, comm: 'comm22' });
  homes.clear();
  assert.deepEqual(pick(bookOf(look, null).get(2)), { pid: null, comm: '' });
});

test('where no process may be pinned, the one that was counted is told, without its command', () => {
  const refusing: Linux = {
    ...kernel,
    pidfdOpen: () => {
      throw new KernelError('pidfd_open', 'ENOSYS');
    },
  };
  const book = NetnsBook.of({ ...host, linux: refusing }, lookAt(entry(2, [20])), null, null);
  assert.deepEqual(pick(book.get(2)), { pid: 20, comm: '' });
});

test('a namespace without a process has none, until one comes', () => {
  const empty = bookOf(lookAt(entry(2, [], '/run/netns/a')), null);
  assert.equal(empty.get(2).pid, null);
  assert.equal(bookOf(lookAt(entry(2, [20])), empty).get(2).pid, 20);
});

test('a namespace that could not be entered has no cookie, one never seen only its inode', () => {
  const look = { ...lookAt(entry(2, [20])), namespaces: byInode() };
  const book = bookOf(look, null);
  assert.equal(book.get(2).cookie, null);
  assert.deepEqual(book.get(9), {
    inode: 9,
    cookie: null,
    paths: [],
    initial: false,
    pid: null,
    comm: '',
    container: '',
  });
});

test('a namespace without a path has the name of the container that its process is in', () => {
  const facts: Linux = {
    ...kernel,
    readPidStatus: () => linux.readPidStatus('/proc/self'),
    readLink: () => '/bin/true',
    readCommandLine: () => ['true'],
    readCgroup: () => ({ path: '', all: [] }),
  };
  const names = { podUid: '', podName: '', podNamespace: '' };
  const container = { kind: 'container', runtime: 'docker', ...names } as const;
  const id = '0123456789abcdef';
  const told = (workload: Workload, ...paths: string[]) =>
    NetnsBook.of(
      { ...host, linux: facts },
      lookAt(entry(2, [20], ...paths)),
      null,
      () => workload,
    ).get(2).container;
  assert.equal(told({ ...container, id, name: '' }), '0123456789ab');
  assert.equal(told({ ...container, id, name: 'web' }), 'web');
  assert.equal(told({ ...container, id, name: 'web', podName: 'shop-7' }), 'shop-7');
  const machine = { kind: 'virtualMachine', hypervisor: 'qemu', name: 'vm', uuid: '' } as const;
  assert.equal(told({ ...machine, container: { ...container, id, name: 'web' } }), 'web');
  assert.equal(told({ ...machine, container: null }), '');
  assert.equal(told({ kind: 'systemdUnit', unit: 'a.service', slice: '' }), '');
  assert.equal(told({ ...container, id, name: 'web' }, '/run/netns/a'), '');
});

test('a namespace that was come across before it was entered gets its cookie when it is', () => {
  const look = lookAt(entry(1, [1]));
  const book = bookOf(look, null);
  const census = new Map([...look.census, [2, entry(2, [])] as const]);
  book.extend(census, new Map(), new Set());
  assert.equal(book.get(2).cookie, null);
  book.extend(census, byInode(netnsLinks(2, [])), new Set());
  assert.equal(book.get(2).cookie, 'c2');
});
