/** Accounts for each device of a look: its open files, its verdict. */
import type { Hint } from '../model/verdict.js';
import type { Attachment } from './attachment.js';
import type { Host } from './host.js';
import { isFullyExplained, judge, type Account, type Judgement } from './judge.js';
import type { Look } from './look.js';
import { groupByOpenFile, type OpenFile } from './open-files.js';
import type { PlacedDevice } from './place.js';

export interface AccountedDevice {
  readonly placed: PlacedDevice;
  /** Proven ones first, then those that match by name, each descriptor of those alone. */
  readonly openFiles: OpenFile[];
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

export function accountFor(host: Host, { placement, finds }: Look): Accounts {
  const counted = placement.devices.map((placed) => {
    const openFiles = groupByOpenFile(host, placed.proven);
    return { placed, openFiles, account: accountOf(placed, openFiles, finds.denied.size) };
  });
  const candidates = new Map(placement.unlisted);
  for (const { placed, account } of counted) {
    if (isFullyExplained(account)) continue;
    for (const attachment of placed.nameOnly) {
      candidates.set(attachment, (candidates.get(attachment) ?? 0) + 1);
    }
  }
  const devices = counted.map(({ placed, openFiles, account }) => {
    // Whoever matches by name holds another device of that name: this one's holders are proven.
    if (isFullyExplained(account)) {
      return { placed, openFiles, account, judgement: judge(account), hints: [] };
    }
    const unproven = placed.nameOnly.map((attachment) => [attachment]);
    const whole = { ...account, nameOnly: unproven.length };
    return {
      placed,
      openFiles: [...openFiles, ...unproven],
      account: whole,
      judgement: judge(whole),
      hints: [],
    };
  });
  return { devices, candidates };
}

function accountOf(
  { device }: PlacedDevice,
  openFiles: readonly OpenFile[],
  processesDenied: number,
): Account {
  const { tun } = device.link;
  const detachedFound = openFiles.filter(([first]) => first?.detached === true).length;
  return {
    attached: device.attached,
    disabled: device.disabled,
    multiQueue: tun?.multiQueue ?? true,
    persistent: tun?.persistent ?? true,
    enabledFound: openFiles.length - detachedFound,
    detachedFound,
    nameOnly: 0,
    processesDenied,
    mayHide: 0,
  };
}
