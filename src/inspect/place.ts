/** Puts descriptors to the devices that they are attached to. Pure. */
import type { KernelAttachment } from '../kernel/bpf-iterators.js';
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
  const byNetnsAndIndex = new Map<string, PlacedDevice>();
  const byName = new Map<string, PlacedDevice[]>();
  for (const netns of namespaces.values()) {
    for (const device of netns.devices) {
      const { name, ifindex } = device.link;
      const key = `${netns.cookie ?? netns.inode}/${ifindex}`;
      const placed: PlacedDevice = { key, netns, device, proven: [], nameOnly: [] };
      devices.push(placed);
      byNetnsAndName.set(`${netns.inode}/${name}`, placed);
      byNetnsAndIndex.set(`${netns.inode}/${ifindex}`, placed);
      const sameName = byName.get(name);
      if (sameName === undefined) byName.set(name, [placed]);
      else sameName.push(placed);
    }
  }
  const unplaced: Attachment[] = [];
  const unlisted = new Map<Attachment, number>();
  for (const attachment of attachments) {
    const { deviceNetns, name, sight } = attachment;
    if (deviceNetns === null) {
      const candidates = candidatesOf(attachment, byName.get(name) ?? [], tapNodes);
      const only = theOnlyOne(candidates);
      if (only !== null) {
        only.proven.push({ ...attachment, deviceNetns: only.netns.inode, evidence: 'IOCTL' });
        continue;
      }
      if (sight?.attachment) {
        const { netns, ifindex } = sight.attachment;
        const device = byNetnsAndIndex.get(`${netns}/${ifindex}`);
        if (device !== undefined && isSeenOn(sight.attachment, attachment, device)) {
          device.proven.push({ ...attachment, deviceNetns: netns, evidence: 'BPF' });
        } else if (namespaces.has(netns)) unplaced.push(attachment);
        continue;
      }
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

/** The one device of the host that it can belong to. */
function theOnlyOne(candidates: Candidates): PlacedDevice | null {
  if (candidates === null || !candidates.areAll || candidates.unlisted > 0) return null;
  const [only, ...others] = candidates.listed;
  return only === undefined || others.length > 0 ? null : only;
}

/** Whether the device that the kernel's structures tell of is this one, and still called so. */
function isSeenOn(
  seen: KernelAttachment,
  attachment: Attachment,
  { netns, device }: PlacedDevice,
): boolean {
  const { netnsCookie, name } = seen;
  // The namespace of that inode may be a later one by now.
  if (netnsCookie !== null && netns.cookie !== null && netnsCookie !== netns.cookie) return false;
  return name === device.link.name && fits(attachment, device);
}

/** Says how many devices it may belong to that are not listed. */
function putToCandidates(attachment: Attachment, candidates: Candidates): number | 'unplaced' {
  if (candidates === null) return 'unplaced';
  const { listed, unlisted, areAll } = candidates;
  if (areAll && unlisted === 0 && listed.length === 0) return 'unplaced';
  for (const device of listed) device.nameOnly.push(attachment);
  return unlisted;
}

function fits({ driver, tap, hardwareAddress }: Attachment, device: DeviceLink): boolean {
  if (driver !== device.driver) return false;
  if (hardwareAddress !== null && hardwareAddress !== device.link.hardwareAddress) return false;
  return driver !== 'tun' || tap === null || tap === device.link.tun?.tap;
}
