/** Puts descriptors to the devices that they are attached to. Pure. */
import type { Attachment } from './attachment.js';
import type { DeviceLink, NetnsLinks } from './netns-links.js';
import { nodesOfName, tapCandidates, type TapCandidates, type TapNodes } from './tap-nodes.js';

export interface PlacedDevice {
  /** Names the device within one boot: namespace and index. */
  readonly key: string;
  readonly netns: NetnsLinks;
  readonly device: DeviceLink;
  /** Descriptors that are proven to be attached to it; each has the namespace of the device. */
  readonly proven: Attachment[];
  /** Descriptors whose name and kind match, and whose namespace is not known. */
  readonly nameOnly: Attachment[];
}

export interface Placement {
  readonly devices: PlacedDevice[];
  /** Proven to be on a device that its namespace did not list: created, moved or renamed meanwhile. */
  readonly unplaced: Attachment[];
  /** To how many devices beside the listed ones each of `nameOnly` may belong, where there are any. */
  readonly unlisted: ReadonlyMap<Attachment, number>;
}

export function place(
  attachments: readonly Attachment[],
  namespaces: ReadonlyMap<number, NetnsLinks>,
  tapNodes: TapNodes = new Map(),
): Placement {
  const devices: PlacedDevice[] = [];
  const byNetnsAndName = new Map<string, PlacedDevice>();
  const byName = new Map<string, PlacedDevice[]>();
  for (const netns of namespaces.values()) {
    for (const device of netns.devices) {
      const { name, ifindex } = device.link;
      const key = `${netns.cookie ?? netns.inode}/${ifindex}`;
      const placed: PlacedDevice = { key, netns, device, proven: [], nameOnly: [] };
      devices.push(placed);
      byNetnsAndName.set(`${netns.inode}/${name}`, placed);
      const sameName = byName.get(name);
      if (sameName === undefined) byName.set(name, [placed]);
      else sameName.push(placed);
    }
  }
  const unplaced: Attachment[] = [];
  const unlisted = new Map<Attachment, number>();
  for (const attachment of attachments) {
    const { deviceNetns, name } = attachment;
    if (deviceNetns === null) {
      const candidates = candidatesOf(attachment, byName.get(name) ?? [], tapNodes);
      const outcome = putToCandidates(attachment, candidates);
      if (outcome === 'unplaced') unplaced.push(attachment);
      else if (outcome > 0) unlisted.set(attachment, outcome);
      continue;
    }
    const device = byNetnsAndName.get(`${deviceNetns}/${name}`);
    if (device !== undefined && fits(attachment, device.device)) device.proven.push(attachment);
    else if (namespaces.has(deviceNetns)) unplaced.push(attachment);
  }
  return { devices, unplaced, unlisted };
}

/** Of a descriptor that did not tell a namespace. */
type Candidates = (TapCandidates<PlacedDevice> & { readonly areAll: boolean }) | null;

function candidatesOf(
  attachment: Attachment,
  sameName: readonly PlacedDevice[],
  tapNodes: TapNodes,
): Candidates {
  const { driver, nodeMinor } = attachment;
  const fitting = ({ device }: PlacedDevice) => fits(attachment, device);
  const nodes = nodesOfName(tapNodes, attachment);
  if (nodes === null || nodeMinor === null) {
    return { listed: sameName.filter(fitting), unlisted: 0, areAll: false };
  }
  const ofDriver = sameName.filter(({ device }) => device.driver === driver);
  const candidates = tapCandidates(nodeMinor, ofDriver, fitting, nodes);
  return candidates === null ? null : { ...candidates, areAll: true };
}

/** Says how many devices it may belong to that are not listed. */
function putToCandidates(attachment: Attachment, candidates: Candidates): number | 'unplaced' {
  if (candidates === null) return 'unplaced';
  const { listed, unlisted, areAll } = candidates;
  const [only] = listed;
  if (areAll && unlisted === 0) {
    if (only === undefined) return 'unplaced';
    if (listed.length === 1) {
      only.proven.push({ ...attachment, deviceNetns: only.netns.inode });
      return 0;
    }
  }
  for (const device of listed) device.nameOnly.push(attachment);
  return unlisted;
}

function fits({ driver, tap, hardwareAddress }: Attachment, device: DeviceLink): boolean {
  if (driver !== device.driver) return false;
  if (hardwareAddress !== null && hardwareAddress !== device.link.hardwareAddress) return false;
  return driver !== 'tun' || tap === null || tap === device.link.tun?.tap;
}
