/**
 * Which two states are of one device. The kernel gives a device no identity: its name, its ifindex and
 * the open files attached to it can all be another device's later.
 */
import type { Device, Netns, Statistics } from '../model/device.js';

/**
 * Whether a device under the resource name of an earlier one may be another. An ifindex comes again
 * where one is asked for: by TUNSETIFINDEX, or by a tun file that was queue n of a deleted device (the
 * number of the queue is kept where the ifindex of the next device is asked for: union of struct
 * tun_file, drivers/net/tun.c). A TUN device that is made anew under the same name, and that had no
 * traffic before, is not told apart.
 */
export function mayBeMadeAnew(before: Device, after: Device): boolean {
  if (before.kind !== after.kind || before.multiQueue !== after.multiQueue) return true;
  if (countersFell(before.statistics, after.statistics)) return true;
  // A new TAP device gets a random address; a TUN device has none.
  return after.kind === 'TUN'
    ? before.name !== after.name
    : before.hardwareAddress !== after.hardwareAddress;
}

/**
 * Whether two devices in two namespaces, of which the earlier went when the later came, are one. Both
 * had one open file, opened in `openedIn`. That alone does not make them one: a tun file whose device
 * was deleted can be attached to another one, in the namespace in which it was opened (tun_set_iff of
 * drivers/net/tun.c), and a probe that was restarted may know another open file by the same id.
 */
export function isMoved(before: Device, after: Device, openedIn: Netns | null): boolean {
  const { kind, hardwareAddress, ifindex, netns } = after;
  if (before.kind !== kind || isSameNetns(before.netns, netns)) return false;
  switch (kind) {
    case 'MACVTAP':
    case 'TAP':
      // A new device gets a random one.
      return before.hardwareAddress === hardwareAddress;
    case 'IPVTAP':
      // It has that of the device below it, as others there do. A move leaves the ifindex unless that is taken.
      return before.ifindex === ifindex && before.hardwareAddress === hardwareAddress;
    case 'TUN':
      // It has no address. A move leaves the ifindex unless that is taken.
      return before.ifindex === ifindex && openedIn !== null && !isSameNetns(openedIn, netns);
  }
}

/** They only grow as long as a device lives. */
function countersFell(before: Statistics | null, after: Statistics | null): boolean {
  if (before === null || after === null) return false;
  return before.rxPackets > after.rxPackets || before.txPackets > after.txPackets;
}

function isSameNetns(one: Netns, other: Netns): boolean {
  return one.inode === other.inode && one.cookie === other.cookie;
}
