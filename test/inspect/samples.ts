// Attachments and devices as inspection finds them, for what is decided without a kernel.
import type { Attachment } from '../../src/inspect/attachment.js';
import type { DeviceLink, NetnsLinks } from '../../src/inspect/netns-links.js';

export const ADDRESS = '02:00:00:00:00:01';
export const OTHER_ADDRESS = '02:00:00:00:00:02';

export function attachment(of: Partial<Attachment> = {}): Attachment {
  return {
    pid: 100,
    startTime: 1000,
    tid: null,
    fd: 3,
    driver: 'tun',
    nodeMinor: null,
    name: 'tap0',
    tap: true,
    detached: false,
    hardwareAddress: null,
    deviceNetns: 1,
    openedNetns: 1,
    evidence: of.deviceNetns === null ? 'NAME' : 'IOCTL',
    sight: null,
    ...of,
  };
}

/** A TAP device with one attached queue. */
export function deviceLink(
  ifindex: number,
  {
    name = 'tap0',
    driver = 'tun',
    tap = true,
    hardwareAddress = ADDRESS,
  }: Partial<{
    name: string;
    driver: DeviceLink['driver'];
    tap: boolean;
    hardwareAddress: string;
  }> = {},
): DeviceLink {
  const tun = {
    tap,
    packetInfo: false,
    vnetHdr: false,
    persistent: true,
    multiQueue: false,
    owner: null,
    group: null,
    queues: null,
    disabledQueues: null,
  };
  return {
    driver,
    link: {
      ifindex,
      name,
      kind: driver,
      up: true,
      mtu: 1500,
      hardwareAddress,
      master: null,
      alias: '',
      statistics: null,
      tun: driver === 'tun' ? tun : null,
    },
    master: null,
    attached: 1,
    disabled: 0,
  };
}

export function netnsLinks(
  inode: number,
  devices: DeviceLink[],
  cookie: string | null = `c${inode}`,
): NetnsLinks {
  return { inode, cookie, devices };
}

export function byInode(...namespaces: NetnsLinks[]): Map<number, NetnsLinks> {
  return new Map(namespaces.map((netns) => [netns.inode, netns]));
}
