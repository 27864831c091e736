// The kernel with something happening once, right before or right after one step of a scan.
import { existsSync, readdirSync, readlinkSync } from 'node:fs';
import { linux, type Linux } from '../../src/inspect/linux.js';

/** The steps of a scan that look at a holder, at its open file or at its device, in their order. */
export const STEPS = [
  'walkFdTable',
  'pidfdOpen',
  'readPidStat',
  'pidfdGetfd',
  'statusOf',
  'tunInterface',
  'tunDeviceNetns',
  'statusOfPath',
  'readCommandLine',
  'pidfdStands',
  'dumpLinks',
  'combinedChannels',
  'deviceName',
] as const satisfies readonly (keyof Linux)[];

/** The same for the device of a macvtap file: it tells no namespace, and has a node. */
export const MACVTAP_STEPS = [
  'walkFdTable',
  'pidfdOpen',
  'readPidStat',
  'pidfdGetfd',
  'statusOf',
  'tunInterface',
  'tunHardwareAddress',
  'statusOfPath',
  'pidfdStands',
  'dumpLinks',
  'readTapNodes',
] as const satisfies readonly (keyof Linux)[];

/** `compareOpenFiles` is taken only where one device has more than one descriptor. */
type Step = (typeof STEPS)[number] | (typeof MACVTAP_STEPS)[number] | 'compareOpenFiles';

export interface Moment {
  readonly when: 'before' | 'after';
  readonly step: Step;
  /** At which of the steps that are about it: the first one is 1. */
  readonly turn?: number;
}

export function momentsOf(steps: readonly Step[]): Moment[] {
  return steps.flatMap((step) => [
    { when: 'before', step },
    { when: 'after', step },
  ]);
}

type Call = (...args: unknown[]) => unknown;

export interface Interrupted {
  readonly kernel: Linux;
  readonly happened: () => boolean;
}

/**
 * `happen` runs, synchronously, at the first such step that is about the process `pid` or about the
 * device `device`, a `tun` one or a `macvtap`, of the own network namespace.
 */
export function interrupted(
  { when, step, turn = 1 }: Moment,
  { pid, device, kind = 'tun' }: { pid: number; device: string; kind?: 'tun' | 'macvtap' },
  happen: () => void,
): Interrupted {
  let pinned: number | null = null;
  let elsewhere = 0;
  let happened = false;
  let turns = 0;
  const copies = new Set<unknown>();
  const directory = `/proc/${pid}`;
  const isAboutIt: Record<Step, (...args: unknown[]) => boolean> = {
    walkFdTable: (table) => table === `${directory}/fd`,
    pidfdOpen: (number) => number === pid,
    readPidStat: (of) => of === directory,
    statusOfPath: (of) => of === directory,
    readCommandLine: (of) => of === directory,
    pidfdGetfd: (pidfd) => pidfd === pinned,
    pidfdStands: (pidfd) => pidfd === pinned,
    statusOf: (copy) => copies.has(copy),
    tunInterface: (copy) => copies.has(copy),
    tunDeviceNetns: (copy) => copies.has(copy),
    compareOpenFiles: (copy, other) => copies.has(copy) || copies.has(other),
    tunHardwareAddress: (copy) => copies.has(copy),
    dumpLinks: (_, listed) => elsewhere === 0 && listed === kind,
    readTapNodes: () => true,
    deviceName: () => true,
    combinedChannels: (_, name) => elsewhere === 0 && name === device,
  };
  // What tells whether a step is about the process: its pidfd, and the copies made through that.
  const followed: Linux = {
    ...linux,
    pidfdOpen: (number) => {
      const pidfd = linux.pidfdOpen(number);
      if (number === pid) pinned = pidfd;
      return pidfd;
    },
    pidfdGetfd: (pidfd, fd) => {
      const copy = linux.pidfdGetfd(pidfd, fd);
      if (pidfd === pinned) copies.add(copy);
      return copy;
    },
    close: (fd) => {
      if (fd === pinned) pinned = null;
      copies.delete(fd);
      linux.close(fd);
    },
    inNetns: (netns, inside) => {
      elsewhere++;
      try {
        return linux.inNetns(netns, inside);
      } finally {
        elsewhere--;
      }
    },
  };
  const call = followed[step] as Call;
  const now = () => {
    happened = true;
    happen();
  };
  const hooked: Call = (...args) => {
    const isIt = !happened && isAboutIt[step](...args) && ++turns === turn;
    if (isIt && when === 'before') now();
    const answer = call(...args);
    if (isIt && when === 'after') now();
    return answer;
  };
  return { kernel: { ...followed, [step]: hooked }, happened: () => happened };
}

const never = new Int32Array(new SharedArrayBuffer(4));

/** Kills a process that somebody else reaps, and waits, synchronously, until its pid is free. */
export function killNow(pid: number): void {
  process.kill(pid, 'SIGKILL');
  const deadline = performance.now() + 10_000;
  while (existsSync(`/proc/${pid}`)) {
    if (performance.now() > deadline) throw new Error(`process ${pid} is not reaped`);
    Atomics.wait(never, 0, 0, 1);
  }
}

/** What this process has open, to compare: a scan leaves nothing behind. */
export function openFiles(): string[] {
  return readdirSync('/proc/self/fd').flatMap((fd) => {
    try {
      return [`${fd} ${readlinkSync(`/proc/self/fd/${fd}`)}`];
    } catch {
      return []; // The descriptor of this very listing.
    }
  });
}
