/** Puts descriptors to the devices that they are attached to. Pure. */
import type { Attachment } from './attachment.js';
import type { DeviceLink, NetnsLinks } from './netns-links.js';

export interface PlacedDevice {
  /** Names the device within one boot: namespace and index. */
  readonly key: string;
  readonly netns: NetnsLinks;
  readonly device: DeviceLink;
  /** Descriptors that are proven to be attached to it. */
  readonly proven: Attachment[];
  /** Descriptors whose name and kind match, and whose namespace is not known. */
  readonly nameOnly: Attachment[];
}

export interface Placement {
  readonly devices: PlacedDevice[];
  /** Proven to be on a device that its namespace did not list: created, moved or renamed meanwhile. */
  readonly unplaced: Attachment[];
}

export function place(
  attachments: readonly Attachment[],
  namespaces: ReadonlyMap<number, NetnsLinks>,
): Placement {
  const devices: PlacedDevice[] = [];
  const byNetnsAndName = new Map<string, PlacedDevice>();
  const byName = new Map<string, PlacedDevice[]>();
  for (const netns of namespaces.values()) {
    for (const device of netns.devices) {
      const { name, ifindex } = device.link;
      const key = `${netns.cookie ?? netns.inode}/${ifindex}`;
      const placed = { key, netns, device, proven: [], nameOnly: [] };
      devices.push(placed);
      byNetnsAndName.set(`${netns.inode}/${name}`, placed);
      const sameName = byName.get(name);
      if (sameName === undefined) byName.set(name, [placed]);
      else sameName.push(placed);
    }
  }
  const unplaced: Attachment[] = [];
  for (const attachment of attachments) {
    const { deviceNetns, name } = attachment;
    if (deviceNetns === null) {
      for (const device of byName.get(name) ?? []) {
        if (fits(attachment, device.device)) device.nameOnly.push(attachment);
      }
      continue;
    }
    const device = byNetnsAndName.get(`${deviceNetns}/${name}`);
    if (device !== undefined && fits(attachment, device.device)) device.proven.push(attachment);
    else if (namespaces.has(deviceNetns)) unplaced.push(attachment);
  }
  return { devices, unplaced };
}

function fits({ driver, tap, hardwareAddress }: Attachment, device: DeviceLink): boolean {
  if (driver !== device.driver) return false;
  if (hardwareAddress !== null && hardwareAddress !== device.link.hardwareAddress) return false;
  return driver !== 'tun' || tap === null || tap === device.link.tun?.tap;
}
