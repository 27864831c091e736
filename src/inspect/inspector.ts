/**
 * Scans the host again and again. What it remembers from scan to scan is only what a scan cannot see
 * by itself: which open file is which, which threads have a table of their own, and which mismatch
 * between count and findings was already looked at twice.
 */
import type { Binding } from '../model/binding.js';
import { DENIED_DETAILS_MAX, type Coverage, type Degradation } from '../model/coverage.js';
import type { Workload } from '../model/holder.js';
import { accountFor, type AccountedDevice, type Accounts } from './accounts.js';
import { bindingOf } from './bindings.js';
import { degradations } from './abilities.js';
import type { Finder } from './find.js';
import type { Host } from './host.js';
import { look, type Look } from './look.js';
import { NetnsBook } from './netns-book.js';
import { MissingQueues } from './missing-queues.js';
import type { OpenFile } from './open-files.js';
import type { ProcessFacts } from './process-facts.js';
import { QueueIds } from './queue-ids.js';
import { ThreadTables } from './thread-tables.js';

export interface Scan {
  readonly bindings: Binding[];
  readonly coverage: Coverage;
}

export interface InspectorOptions {
  readonly host: Host;
  readonly finder: Finder;
  readonly workloadOf: (process: ProcessFacts) => Workload | null;
  readonly userNameOf: (uid: number) => string;
}

/** A device that keeps changing is looked at so often, and then told as it is. */
const LOOKS = 3;

export class Inspector {
  readonly #queueIds = new QueueIds();
  readonly #threadTables = new ThreadTables();
  readonly #degraded: readonly Degradation[];
  readonly #missingQueues: MissingQueues;
  #unsettled: ReadonlySet<string> = new Set<string>();
  #book: NetnsBook | null = null;

  constructor(private readonly options: InspectorOptions) {
    this.#degraded = degradations(options.host);
    this.#missingQueues = new MissingQueues(options.host);
  }

  /**
   * `thoroughly`: with every search that otherwise takes a small share of the time only, as for somebody
   * who asks now.
   */
  async scan(thoroughly = false): Promise<Scan> {
    const scanTime = Date.now();
    const start = performance.now();
    const { seen, accounts: counted } = await this.#lookUntilSettled(thoroughly);
    const unsettled = unsettledOf(counted);
    const isNews = [...unsettled].some((signature) => !this.#unsettled.has(signature));
    const accounts = await this.#missingQueues.explain(counted, thoroughly || isNews);
    const { host, workloadOf, userNameOf } = this.options;
    const book = NetnsBook.of(host, seen, this.#book, workloadOf);
    const queueIds = this.#queueIds.assign(openFilesByDevice(accounts));
    const { candidates } = accounts;
    const told = { workloadOf, userNameOf };
    const sources = { book, processes: seen.processes, queueIds, candidates, ...told };
    const bindings = accounts.devices.map((device) => bindingOf(device, sources));
    this.#unsettled = unsettled;
    this.#book = book;
    const scanDuration = performance.now() - start;
    return { bindings, coverage: this.#coverage(seen, scanTime, scanDuration) };
  }

  /**
   * The table of a process may have been read before it attached, and the count taken after: only
   * what is still so at a second look is so. The second look searches for threads with tables, too.
   */
  async #lookUntilSettled(thoroughly: boolean): Promise<{ seen: Look; accounts: Accounts }> {
    const { host, finder } = this.options;
    let before = this.#unsettled;
    for (let attempt = 1; ; attempt++) {
      const seen = await look(host, finder, this.#threadTables, thoroughly || attempt > 1);
      const accounts = accountFor(host, seen);
      const unsettled = unsettledOf(accounts);
      const isKnown = [...unsettled].every((signature) => before.has(signature));
      if (isKnown && (seen.placement.unplaced.length === 0 || attempt > 1))
        return { seen, accounts };
      if (attempt === LOOKS) return { seen, accounts: stillChanging(accounts, before) };
      before = unsettled;
    }
  }

  #coverage(
    { finds, namespaces, netnsDenied, unattached }: Look,
    scanTime: number,
    scanDuration: number,
  ): Coverage {
    const deniedProcesses = [...finds.denied]
      .map(([pid, errno]) => ({ pid, errno }))
      .sort((a, b) => a.pid - b.pid);
    const deniedNetns = [...netnsDenied]
      .map(([inode, errno]) => ({ inode, errno }))
      .sort((a, b) => a.inode - b.inode);
    return {
      processesSeen: finds.seen.length,
      processesDenied: deniedProcesses.length,
      deniedProcesses: deniedProcesses.slice(0, DENIED_DETAILS_MAX),
      netnsSeen: namespaces.size,
      netnsDenied: deniedNetns.length,
      deniedNetns: deniedNetns.slice(0, DENIED_DETAILS_MAX),
      finder: this.options.finder.kind,
      degraded: this.#degraded,
      unattachedFds: unattached,
      scanTime,
      scanDuration,
    };
  }
}

/** A mismatch, as it is: the same one seen twice is not the work of a race. */
function signatureOf({ placed, account }: AccountedDevice): string {
  const { attached, disabled, enabledFound, detachedFound } = account;
  return [placed.key, attached, disabled, enabledFound, detachedFound].join(' ');
}

function unsettledOf({ devices }: Accounts): Set<string> {
  return new Set(devices.filter(({ judgement }) => !judgement.settled).map(signatureOf));
}

/** What was different at each look is not known to be hidden: it is not known at all. */
function stillChanging(accounts: Accounts, before: ReadonlySet<string>): Accounts {
  const devices = accounts.devices.map((device): AccountedDevice => {
    if (device.judgement.settled || before.has(signatureOf(device))) return device;
    const detail = `the device changed between ${LOOKS} looks at it`;
    const reasons = [{ code: 'CHANGING', detail }] as const;
    return { ...device, judgement: { verdict: 'UNKNOWN', reasons, missing: 0, settled: false } };
  });
  return { ...accounts, devices };
}

function openFilesByDevice({ devices }: Accounts): Map<string, readonly OpenFile[]> {
  return new Map(devices.map(({ placed, openFiles }) => [placed.key, openFiles]));
}
