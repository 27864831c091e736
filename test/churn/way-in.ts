// Ways into network namespaces, those without a name included: through a process or a thread that
// lives there, or through a tun file.
import { closeSync } from 'node:fs';
import { NETNS_PREFIX } from '../stage/leaks.js';
import { Netns } from '../stage/netns.js';
import { copyFd } from '../stage/pidfd.js';
import { deviceNetns, openedNetns } from '../stage/tun.js';
import { devicesIn, type KernelDevice } from './kernel.js';
import type { TrueNetns, Truth } from './truth.js';

interface WayIn {
  /** As long as the way is open. */
  readonly netns: Netns;
  readonly close: () => void;
}

/** Of a namespace that the truth can reach. An open way may be what keeps a namespace alive. */
export function openWayInto(truth: Truth, netns: TrueNetns): WayIn {
  const path = pathOf(truth, netns);
  if (path !== undefined) return { netns: new Netns(path), close: () => undefined };
  const fd = openThroughFile(truth, netns);
  return {
    netns: new Netns(`/proc/${process.pid}/fd/${fd}`),
    close: () => {
      closeSync(fd);
    },
  };
}

/** The devices of this test process there, as the kernel says. */
export function devicesOf(truth: Truth, netns: TrueNetns): Map<string, KernelDevice> {
  return inside(truth, netns, devicesIn);
}

export function inside<T>(truth: Truth, netns: TrueNetns, action: (netns: Netns) => T): T {
  const way = openWayInto(truth, netns);
  try {
    return action(way.netns);
  } finally {
    way.close();
  }
}

export function homePath(): string {
  // By its pid, as other processes have to find it, too.
  return `/proc/${process.pid}/ns/net`;
}

function pathOf(truth: Truth, netns: TrueNetns): string | undefined {
  if (netns === truth.home) return homePath();
  if (netns.name !== null) return `/run/netns/${NETNS_PREFIX}${netns.name}`;
  for (const process of truth.processes.values()) {
    if (process.netns === netns) return `/proc/${process.pid}/ns/net`;
    for (const [tid, its] of process.threads) {
      if (its === netns) return `/proc/${process.pid}/task/${tid}/ns/net`;
    }
  }
  return undefined;
}

function openThroughFile(truth: Truth, netns: TrueNetns): number {
  for (const { process, tid, number, file } of truth.fds) {
    const wasOpenedThere = file.openedIn === netns;
    if (tid !== null || !(wasOpenedThere || file.device?.netns === netns)) continue;
    const copy = copyFd(process.pid, number);
    try {
      return wasOpenedThere ? openedNetns(copy) : deviceNetns(copy);
    } finally {
      closeSync(copy);
    }
  }
  throw new Error(`no way into network namespace ${netns.number}`);
}
