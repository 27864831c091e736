import assert from 'node:assert/strict';
import { test } from 'node:test';
import { thisHost } from '../../src/inspect/host.js';
import type { Look } from '../../src/inspect/look.js';
import { NetnsBook } from '../../src/inspect/netns-book.js';
import type { CensusEntry } from '../../src/inspect/netns-census.js';
import { byInode, netnsLinks } from './samples.js';

const host = { ...thisHost(), ownNetns: 1 };

function entry(inode: number, pids: number[], ...paths: string[]): CensusEntry {
  return { inode, pids, paths: new Set(paths), files: [], maybeOther: false };
}

/** A look that saw nothing but these namespaces. */
function lookAt(...entries: CensusEntry[]): Look {
  return {
    finds: { tables: [], namespaceFiles: new Map(), seen: [], denied: new Map() },
    census: new Map(entries.map((one) => [one.inode, one])),
    namespaces: byInode(...entries.map(({ inode }) => netnsLinks(inode, []))),
    netnsDenied: new Map(),
    processes: new Map(),
    unattached: 0,
    placement: { devices: [], unplaced: [], unlisted: new Map() },
  };
}

test('a namespace is known by cookie, sorted paths and the first process that lives in it', () => {
  const look = lookAt(entry(1, [1]), entry(2, [20, 21], '/run/netns/b', '/run/netns/a'));
  const book = NetnsBook.of(host, look, null);
  assert.deepEqual(book.get(2), {
    inode: 2,
    cookie: 'c2',
    paths: ['/run/netns/a', '/run/netns/b'],
    initial: false,
    pid: 20,
  });
  assert.equal(book.get(1).initial, true);
});

test('the process that stands for a namespace stays while it lives there', () => {
  const before = NetnsBook.of(host, lookAt(entry(2, [20])), null);
  const stays = NetnsBook.of(host, lookAt(entry(2, [10, 20])), before);
  assert.equal(stays.get(2).pid, 20);
  const left = NetnsBook.of(host, lookAt(entry(2, [10]), entry(3, [20])), stays);
  assert.equal(left.get(2).pid, 10);
  assert.equal(left.get(3).pid, 20);
});

test('a namespace without a process has none, until one comes', () => {
  const empty = NetnsBook.of(host, lookAt(entry(2, [], '/run/netns/a')), null);
  assert.equal(empty.get(2).pid, null);
  assert.equal(NetnsBook.of(host, lookAt(entry(2, [20])), empty).get(2).pid, 20);
});

test('a namespace that could not be entered has no cookie, one never seen only its inode', () => {
  const look = { ...lookAt(entry(2, [20])), namespaces: byInode() };
  const book = NetnsBook.of(host, look, null);
  assert.equal(book.get(2).cookie, null);
  assert.deepEqual(book.get(9), { inode: 9, cookie: null, paths: [], initial: false, pid: null });
});
