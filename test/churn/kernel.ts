// What the kernel says of the churn's devices and descriptors, asked in other ways than by the program
// under test: ioctl(2) of netdevice(7), /proc/net/dev, fdinfo and ip-link(8).
import { closeSync, readFileSync } from 'node:fs';
import { attachedQueues } from '../stage/channels.js';
import { DEVICE_PREFIX } from '../stage/leaks.js';
import { ioctl, socket } from '../stage/libc.js';
import type { Netns } from '../stage/netns.js';

// linux/sockios.h, linux/if.h
const SIOCGIFFLAGS = 0x8913;
const SIOCGIFINDEX = 0x8933;
const IFF_UP = 1;

const IFREQ_SIZE = 40;
const IFNAMSIZ = 16;

export interface KernelDevice {
  readonly ifindex: number;
  readonly up: boolean;
  /** Attached enabled queues. */
  readonly attached: number;
}

/** The devices of this test process in a network namespace, by name. */
export function devicesIn(netns: Netns): Map<string, KernelDevice> {
  return netns.within(() => {
    const devices = new Map<string, KernelDevice>();
    const fd = socket();
    try {
      for (const line of readFileSync('/proc/thread-self/net/dev', 'utf8').split('\n')) {
        const name = line.replace(/:.*/, '').trim();
        if (!name.startsWith(DEVICE_PREFIX)) continue;
        devices.set(name, {
          ifindex: askDevice('SIOCGIFINDEX', fd, SIOCGIFINDEX, name).readInt32LE(IFNAMSIZ),
          up:
            (askDevice('SIOCGIFFLAGS', fd, SIOCGIFFLAGS, name).readUInt16LE(IFNAMSIZ) & IFF_UP) !==
            0,
          attached: attachedQueues(name),
        });
      }
    } finally {
      closeSync(fd);
    }
    return devices;
  });
}

interface Link {
  readonly ifname: string;
  /** `numdisabled` of a device with IFF_MULTI_QUEUE only. */
  readonly linkinfo: { readonly info_data: { readonly numdisabled?: number } };
}

/** How many queues are detached by TUNSETQUEUE, of each device of this test process there. */
export function disabledQueuesIn(netns: Netns): Map<string, number> {
  const links = JSON.parse(netns.ip('-d', '-j', 'link', 'show', 'type', 'tun') || '[]') as Link[];
  return new Map(
    links
      .filter(({ ifname }) => ifname.startsWith(DEVICE_PREFIX))
      .map(({ ifname, linkinfo }) => [ifname, linkinfo.info_data.numdisabled ?? 0]),
  );
}

function askDevice(call: string, fd: number, request: number, name: string): Buffer {
  const ifreq = Buffer.alloc(IFREQ_SIZE);
  ifreq.write(name, 'latin1');
  ioctl(call, fd, request, ifreq);
  return ifreq;
}

/** The device that a tun file is attached to, empty when it is to none; null when that is no tun file. */
export function interfaceOf(pid: number, tid: number | null, fd: number): string | null {
  const task = tid === null ? '' : `/task/${tid}`;
  const fdinfo = readFileSync(`/proc/${pid}${task}/fdinfo/${fd}`, 'latin1');
  return /^iff:\t?(.*)$/m.exec(fdinfo)?.[1] ?? null;
}

/** Field 22 of /proc/PID/stat, after the last parenthesis. */
export function startTime(pid: number): bigint {
  const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
  return BigInt(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19]!);
}

/** Whether the process is gone, and with it all that it held. */
export function isGone(pid: number): boolean {
  try {
    return /\) [ZX] /.test(readFileSync(`/proc/${pid}/stat`, 'latin1'));
  } catch {
    return true;
  }
}
