// Finds what a test left behind: fds of its own, processes, devices and namespaces.
import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { until } from './until.js';

// Every process started from here on inherits this, so that it is found whoever its parent is.
const MARK = 'TAPMAP_STAGE';
process.env[MARK] = String(process.pid);

/** Starts the names of all devices of this test process; 15 bytes is the longest name there is. */
export const DEVICE_PREFIX = `t${process.pid.toString(36)}x`;
/** Starts the names of all network namespaces of this test process. */
export const NETNS_PREFIX = `tapmap-test-${process.pid}-`;

// Node opens these for itself, whenever it first needs them.
const OF_NODE = /^anon_inode:\[(?:eventpoll|eventfd|io_uring)\]$/;
// The cache of tsx, which it reads and tidies while tests run.
const OF_TSX = /\/tsx-\d+(?:\/|$)/;

function ownFds(): Map<string, string> {
  const fds = new Map<string, string>();
  for (const fd of readdirSync('/proc/self/fd')) {
    try {
      const target = readlinkSync(`/proc/self/fd/${fd}`);
      if (!OF_NODE.test(target) && !OF_TSX.test(target)) fds.set(`fd ${fd} ${target}`, fd);
    } catch {
      // The fd of this very directory listing, closed again.
    }
  }
  return fds;
}

function markedProcesses(): Set<string> {
  const marked = new Set<string>();
  for (const pid of readdirSync('/proc').filter((entry) => /^\d+$/.test(entry))) {
    if (Number(pid) === process.pid) continue;
    try {
      const environment = readFileSync(`/proc/${pid}/environ`, 'latin1').split('\0');
      if (!environment.includes(`${MARK}=${process.pid}`)) continue;
      const command = readFileSync(`/proc/${pid}/comm`, 'utf8').trimEnd();
      // tsx's compiler, which lives as long as this process.
      if (command !== 'esbuild') marked.add(`process ${pid} ${command}`);
    } catch {
      // Gone, or another user's.
    }
  }
  return marked;
}

function devices(): string[] {
  // Not /sys/class/net: that shows the netns in which /sys was mounted.
  const lines = readFileSync('/proc/thread-self/net/dev', 'utf8').split('\n').slice(2);
  return lines.map((line) => line.replace(/:.*/, '').trim());
}

function namespaces(): string[] {
  try {
    return readdirSync('/run/netns');
  } catch {
    return [];
  }
}

function everything(): Set<string> {
  return new Set([
    ...ownFds().keys(),
    ...markedProcesses(),
    ...devices()
      .filter((name) => name.startsWith(DEVICE_PREFIX))
      .map((name) => `device ${name}`),
    ...namespaces()
      .filter((name) => name.startsWith(NETNS_PREFIX))
      .map((name) => `netns ${name}`),
  ]);
}

/**
 * Remembers what there is now. The function it gives throws when anything is still there besides
 * after `patience` milliseconds: the kernel and Node close some things a moment after they were asked.
 */
export function watchForLeaks(patience = 3_000): () => Promise<void> {
  const before = everything();
  const left = (): string[] => [...everything()].filter((thing) => !before.has(thing));
  return async () => {
    try {
      await until('nothing is left behind', () => left().length === 0, patience);
    } catch {
      const things = left();
      if (things.length > 0) throw new Error(`left behind: ${things.join(', ')}`);
    }
  };
}
