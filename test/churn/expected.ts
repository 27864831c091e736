// What List has to say of a device, from what is true and from what the API promises.
import type { TrueDevice, TrueFd, TrueFile, Truth } from './truth.js';
import { deviceName } from './world.js';

/** The part of a binding that the churn knows about, in a form that compares. */
export interface Told {
  readonly device: string;
  readonly netns: number;
  readonly initial: boolean;
  readonly named: boolean;
  readonly kind: string;
  readonly up: boolean;
  readonly persistent: boolean;
  readonly multiQueue: boolean;
  readonly vnetHdr: boolean;
  readonly packetInfo: boolean;
  readonly verdict: string;
  readonly attached: number | undefined;
  readonly disabled: number | undefined;
  readonly found: number | undefined;
  /** `pid in NETNS: fd opened in NETNS, …` of each holder. */
  readonly holders: readonly string[];
  /** Descriptors that are one queue, of each queue. */
  readonly queues: readonly string[];
}

export interface ToldFd {
  readonly pid: number;
  readonly tid: number | undefined;
  readonly fd: number;
  readonly detached: boolean;
  readonly openedIn: number;
}

export function slot({ pid, tid, fd }: { pid: number; tid: number | undefined; fd: number }) {
  return `${pid}${tid === undefined ? '' : `/${tid}`}:${fd}`;
}

export function slotOf({ process, tid, number }: TrueFd): string {
  return slot({ pid: process.pid, tid: tid ?? undefined, fd: number });
}

/** Identifies a device at one moment. */
export function keyOf({ netns, name }: TrueDevice): string {
  return `${netns.inode}/${deviceName(name)}`;
}

/**
 * `told` are the descriptors that List shows: a descriptor in a table of a thread's own need not be
 * among them where the same open file has another one.
 */
export function expectedOf(truth: Truth, device: TrueDevice, told: ReadonlySet<string>): Told {
  const visible = [...device.queues].map((file) => ({ file, fds: visibleFds(truth, file, told) }));
  const found = visible.filter(({ fds }) => fds.length > 0);
  const disabled = [...device.queues].filter(({ detached }) => detached).length;
  const attached = device.queues.size - disabled;
  const { netns } = device;
  return {
    device: deviceName(device.name),
    netns: netns.inode,
    initial: netns === truth.home,
    named: netns.name !== null,
    kind: device.tap ? 'DEVICE_KIND_TAP' : 'DEVICE_KIND_TUN',
    up: device.up,
    persistent: device.persistent,
    multiQueue: device.multiQueue,
    vnetHdr: device.vnetHdr,
    packetInfo: device.packetInfo,
    verdict:
      found.length < visible.length
        ? 'VERDICT_HIDDEN'
        : attached > 0
          ? 'VERDICT_HELD'
          : disabled > 0
            ? 'VERDICT_KEPT'
            : 'VERDICT_UNHELD',
    attached,
    disabled,
    found: found.length,
    holders: holders(
      found.flatMap(({ file, fds }) =>
        fds.map((fd) => ({
          pid: fd.process.pid,
          tid: fd.tid ?? undefined,
          fd: fd.number,
          detached: file.detached,
          openedIn: file.openedIn.inode,
          netns: fd.process.netns.inode,
        })),
      ),
    ),
    queues: found
      .map(({ fds }) =>
        fds
          .map((fd) => slotOf(fd))
          .sort()
          .join(' '),
      )
      .sort(),
  };
}

function visibleFds(truth: Truth, file: TrueFile, told: ReadonlySet<string>): TrueFd[] {
  const fds = truth.fdsOf(file);
  const told_ = fds.filter((fd) => fd.tid === null || told.has(slotOf(fd)));
  return told_.length > 0 ? told_ : fds;
}

export function holders(fds: readonly (ToldFd & { readonly netns: number })[]): string[] {
  return fds
    .map(
      (fd) =>
        `${slot(fd)}${fd.detached ? ' detached' : ''} opened in ${fd.openedIn}, process in ${fd.netns}`,
    )
    .sort();
}
