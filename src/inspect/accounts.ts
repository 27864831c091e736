/** Accounts for each device of a look: its open files, its verdict. */
import type { Hint } from '../model/verdict.js';
import type { Attachment } from './attachment.js';
import type { Host } from './host.js';
import { isFullyExplained, judge, type Account, type Judgement } from './judge.js';
import { groupByOpenFile, withAtMost, type OpenFile, type OpenFiles } from './open-files.js';
import type { PlacedDevice, Placement } from './place.js';

export interface AccountedDevice {
  readonly placed: PlacedDevice;
  /** Proven ones first, then those that match by name. */
  readonly openFiles: readonly OpenFile[];
  /** Further descriptors, whose open files could not be told apart. */
  readonly untold: readonly Attachment[];
  /** Distinct open files, at the least. */
  readonly found: number;
  readonly account: Account;
  readonly judgement: Judgement;
  /** Where queues that were not found may be. */
  readonly hints: readonly Hint[];
}

export interface Accounts {
  readonly devices: AccountedDevice[];
  /** How many devices each descriptor that only matches by name may belong to. */
  readonly candidates: ReadonlyMap<Attachment, number>;
}

interface Counted extends OpenFiles {
  readonly placed: PlacedDevice;
  readonly account: Account;
}

/** `processesDenied`: how many processes could not be looked at. */
export function accountFor(host: Host, placement: Placement, processesDenied: number): Accounts {
  const counted = placement.devices.map((placed) => countOf(host, placed, processesDenied));
  // Whoever matches by name does not hold a device whose holders are all proven.
  const unexplained = counted.filter(({ account }) => !isFullyExplained(account));
  const candidates = new Map(placement.unlisted);
  for (const { placed } of unexplained) {
    for (const attachment of placed.nameOnly) {
      candidates.set(attachment, (candidates.get(attachment) ?? 0) + 1);
    }
  }
  const byName = groupByName(host, [...candidates.keys()]);
  const devices = counted.map((device): AccountedDevice => {
    const { placed, account, files, untold } = device;
    const explained = isFullyExplained(account);
    const named = explained ? NONE : among(byName.get(nameKey(placed)), placed.nameOnly);
    const nameOnly = explained ? 0 : placed.nameOnly.length;
    const whole = nameOnly === 0 ? account : { ...account, nameOnly };
    return {
      placed,
      openFiles: files.concat(named.files),
      untold: untold.concat(named.untold),
      found: account.enabledFound + account.detachedFound + atLeast(named),
      account: whole,
      judgement: judge(whole),
      hints: [],
    };
  });
  return { devices, candidates };
}

const NONE: OpenFiles = { files: [], untold: [] };

function countOf(host: Host, placed: PlacedDevice, processesDenied: number): Counted {
  const { device, proven } = placed;
  const { tun } = device.link;
  const multiQueue = tun?.multiQueue ?? true;
  const { attached, disabled } = device;
  const { files, untold } = groupByOpenFile(host, proven);
  const stateOf = (detached: boolean): OpenFiles => ({
    files: files.filter(([first]) => first?.detached === detached),
    untold: untold.filter((attachment) => attachment.detached === detached),
  });
  const enabled = withAtMost(stateOf(false), multiQueue ? attached : 1);
  const detached = withAtMost(stateOf(true), disabled);
  const account = {
    attached,
    disabled,
    multiQueue,
    persistent: tun?.persistent ?? true,
    enabledFound: atLeast(enabled),
    detachedFound: atLeast(detached),
    enabledUntold: atMost(enabled) - atLeast(enabled),
    detachedUntold: atMost(detached) - atLeast(detached),
    nameOnly: 0,
    processesDenied,
    mayHide: 0,
  };
  return {
    placed,
    account,
    files: [...enabled.files, ...detached.files],
    untold: [...enabled.untold, ...detached.untold],
  };
}

/** How many open files these are, at the least and at the most. */
function atLeast({ files, untold }: OpenFiles): number {
  return files.length > 0 || untold.length === 0 ? files.length : 1;
}

function atMost({ files, untold }: OpenFiles): number {
  return files.length + untold.length;
}

function nameKey({ device }: PlacedDevice): string {
  return `${device.driver} ${device.link.name}`;
}

/** Once for all devices of a name, so that a file which may be of several has one identity. */
function groupByName(host: Host, attachments: readonly Attachment[]): Map<string, OpenFiles> {
  const named = new Map<string, Attachment[]>();
  for (const attachment of attachments) {
    const key = `${attachment.driver} ${attachment.name}`;
    const same = named.get(key);
    if (same === undefined) named.set(key, [attachment]);
    else same.push(attachment);
  }
  return new Map([...named].map(([key, same]) => [key, groupByOpenFile(host, same)]));
}

/** The files that are candidates of one device: of those of its name, the ones that fit it. */
function among(all: OpenFiles = NONE, candidates: readonly Attachment[]): OpenFiles {
  const fits = new Set(candidates);
  return {
    files: all.files.filter((file) => file.every((attachment) => fits.has(attachment))),
    untold: [
      ...all.untold.filter((attachment) => fits.has(attachment)),
      // Told differently of itself from one descriptor to the next: it has changed in between.
      ...all.files
        .filter((file) => !file.every((attachment) => fits.has(attachment)))
        .flatMap((file) => file.filter((attachment) => fits.has(attachment))),
    ],
  };
}
