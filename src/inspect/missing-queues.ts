/**
 * Explains queues that the kernel counts and no descriptor table shows: by places where they may be.
 * The search for those costs as much as a scan, so what it found is remembered while it stands.
 */
import type { Hint, HintKind } from '../model/verdict.js';
import type { AccountedDevice, Accounts } from './accounts.js';
import { searchHidingPlaces, stillThere, type HidingPlace } from './hiding-places.js';
import type { Host } from './host.js';
import { judge } from './judge.js';
import { Pace } from './pace.js';
import { RepeatedSearch } from './repeated-search.js';

/** So many places are told of each device. */
const HINTS_MAX = 100;

export class MissingQueues {
  #places: readonly HidingPlace[] = [];
  /** Repeated though nothing seems to have changed. */
  readonly #search = new RepeatedSearch();

  constructor(private readonly host: Host) {}

  /** `search`: look for all places now, as what was found before may not be all there is. */
  async explain(accounts: Accounts, search: boolean): Promise<Accounts> {
    if (!accounts.devices.some(({ judgement }) => judgement.missing > 0)) {
      this.#places = [];
      return accounts;
    }
    const places = await this.#current(search);
    return places.length === 0
      ? accounts
      : { ...accounts, devices: accounts.devices.map((device) => explained(device, places)) };
  }

  async #current(search: boolean): Promise<readonly HidingPlace[]> {
    if (!search && !this.#search.isDue) {
      const standing = stillThere(this.host, this.#places);
      if (standing.length === this.#places.length) return standing;
    }
    this.#places = await this.#search.run(() => searchHidingPlaces(this.host, new Pace()));
    return this.#places;
  }
}

function explained(device: AccountedDevice, places: readonly HidingPlace[]): AccountedDevice {
  const { account, judgement } = device;
  if (judgement.missing === 0) return device;
  return {
    ...device,
    judgement: judge({ ...account, mayHide: queuesIn(places) }),
    hints: places.slice(0, HINTS_MAX).map(hintOf),
  };
}

/** A socket is one place, however many descriptors lead to it. */
function queuesIn(places: readonly HidingPlace[]): number {
  let queues = 0;
  for (const count of new Map(places.map(({ key, queues }) => [key, queues])).values()) {
    queues += count;
  }
  return queues;
}

const details: Record<HintKind, (queues: number) => string> = {
  DESCRIPTOR_IN_FLIGHT: (queues) =>
    `${queues === 1 ? '1 file descriptor waits' : `${queues} file descriptors wait`} in this unix socket to be received`,
  IO_URING: (queues) =>
    `${queues === 1 ? '1 file of the name tun is' : `${queues} files of the name tun are`} registered with this io_uring instance`,
  VHOST_NET: () => 'this vhost-net instance may have a tun file as its backend',
};

function hintOf({ kind, pid, tid, fd, queues }: HidingPlace): Hint {
  const table = tid === null ? '' : `, in the descriptor table of thread ${tid}`;
  return { kind, pid, fd, detail: `${details[kind](queues)}${table}` };
}
