/** A network device that a process drives through an open file, and where it is. */

export type DeviceKind = 'TUN' | 'TAP' | 'MACVTAP' | 'IPVTAP';

/** A network namespace. See message Netns of tap_binding.proto for the meaning of each field. */
export interface Netns {
  /** Inode number on nsfs; re-used by the kernel after the namespace dies. */
  readonly inode: number;
  /** SO_NETNS_COOKIE in decimal, never re-used; null where the kernel does not tell. */
  readonly cookie: string | null;
  /** Bind mounts of the namespace, sorted. */
  readonly paths: readonly string[];
  /** Whether it is the network namespace that tapmap was started in. */
  readonly initial: boolean;
  /** A process that lives in it, if one was found. */
  readonly pid: number | null;
  /** Its command name; empty when there is none, or it could not be read. */
  readonly comm: string;
  /**
   * What people call the container of that process; empty where there are paths, when it is in none,
   * or when that is not certain.
   */
  readonly container: string;
}

export interface Master {
  readonly name: string;
  readonly ifindex: number;
}

/** Traffic counters of struct rtnl_link_stats64, exact up to 2^53. */
export interface Statistics {
  readonly rxPackets: number;
  readonly txPackets: number;
  readonly rxBytes: number;
  readonly txBytes: number;
  readonly rxErrors: number;
  readonly txErrors: number;
  readonly rxDropped: number;
  readonly txDropped: number;
}

export interface Device {
  readonly name: string;
  readonly ifindex: number;
  readonly kind: DeviceKind;
  readonly netns: Netns;
  /** Six hex pairs with colons; empty where the device has none. */
  readonly hardwareAddress: string;
  /** Bytes. */
  readonly mtu: number;
  /** IFF_UP. */
  readonly up: boolean;
  readonly master: Master | null;
  readonly persistent: boolean;
  readonly multiQueue: boolean;
  readonly packetInfo: boolean;
  readonly vnetHdr: boolean;
  readonly ownerUid: number | null;
  readonly groupGid: number | null;
  readonly alias: string;
  readonly statistics: Statistics | null;
}

/**
 * Resource name of the device: from the namespace's cookie, which is never re-used, where there is
 * one. Any two servers of one host agree on it.
 */
export function resourceName(netns: Pick<Netns, 'inode' | 'cookie'>, ifindex: number): string {
  const namespace = netns.cookie ?? `inode-${netns.inode}`;
  return `netns/${namespace}/devices/${ifindex}`;
}
