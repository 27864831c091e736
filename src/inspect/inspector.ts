/**
 * Scans the host again and again. What it remembers from scan to scan is only what a scan cannot see
 * by itself: which open file is which, and which mismatch between count and findings was already looked
 * at twice.
 */
import type { Binding } from '../model/binding.js';
import { DENIED_DETAILS_MAX, type Degradation, type ScanCoverage } from '../model/coverage.js';
import type { Workload } from '../model/holder.js';
import { accountFor, type AccountedDevice, type Accounts } from './accounts.js';
import { bindingOf, type BindingSources } from './bindings.js';
import { degradations } from './abilities.js';
import type { Finder } from './find.js';
import type { Host } from './host.js';
import { KnownHost } from './known-host.js';
import { look, type Look } from './look.js';
import { lookAgain } from './look-again.js';
import { nodesOf, tapNodesOf } from './nodes.js';
import { NetnsBook } from './netns-book.js';
import { MissingQueues } from './missing-queues.js';
import type { OpenFile } from './open-files.js';
import type { ProcessFacts } from './process-facts.js';
import { QueueIds } from './queue-ids.js';
import type { Scope } from './scope.js';

export interface Scan {
  readonly bindings: Binding[];
  readonly coverage: ScanCoverage;
  /** Paths to device nodes: those that are open, and those of each mount namespace, if it has one. */
  readonly nodes: string[];
  /** Inodes of the mount namespaces of all processes. */
  readonly mountNamespaces: Iterable<number>;
}

/** What a look at a part of the host says; all else is as it was. */
export interface PartialScan {
  readonly bindings: Binding[];
  /** Resource names of devices that are not there any more. */
  readonly gone: string[];
  /** Links and descriptors did not agree on some device, of which nothing is said: look again. */
  readonly isUnsettled: boolean;
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
  readonly #degraded: readonly Degradation[];
  readonly #missingQueues: MissingQueues;
  #unsettled: ReadonlySet<string> = new Set<string>();
  #book: NetnsBook | null = null;
  #known: KnownHost | null = null;

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
    const { host, workloadOf } = this.options;
    const book = NetnsBook.of(host, seen, this.#book, workloadOf);
    const queueIds = this.#queueIds.assign(openFilesByDevice(accounts.devices));
    const sources = this.#sources(book, seen.processes, queueIds, accounts.candidates);
    const bindings = accounts.devices.map((device) => bindingOf(device, sources));
    this.#unsettled = unsettled;
    this.#book = book;
    this.#known = new KnownHost(seen, bindings);
    const scanDuration = performance.now() - start;
    const coverage = this.#coverage(seen, scanTime, scanDuration);
    const { mountNamespaces } = seen;
    const nodes = [...nodesOf(host, seen), ...tapNodesOf(bindings)];
    return { bindings, coverage, nodes, mountNamespaces: mountNamespaces.keys() };
  }

  /** Processes that hold a device, as of the last look at them. */
  holders(): Set<number> {
    return this.#known?.holders() ?? new Set();
  }

  /**
   * Looks at a part of the host again. Null where that will not do, and a scan is needed. Synchronous:
   * a part is small.
   */
  scanPart(scope: Scope): PartialScan | null {
    const [known, book] = [this.#known, this.#book];
    if (known === null || book === null) return null;
    const { host } = this.options;
    const seen = lookAgain(host, known, scope);
    if (seen === null) return null;
    for (const { inode, cookie } of seen.namespaces.values()) {
      const before = book.get(inode).cookie;
      // Another namespace has the inode of one that is gone, and what is known is the other's.
      if (before !== null && cookie !== before) return null;
    }
    // A device whose open file was on its way elsewhere is not told as it never was.
    if (seen.placement.unplaced.length > 0) return { bindings: [], gone: [], isUnsettled: true };
    const accounts = accountFor(host, seen.placement, known.processesDenied);
    // The finder may have seen which descriptors are one open file where the kernel does not compare.
    if (accounts.devices.some(({ untold }) => untold.length > 0)) return null;
    // What is missing or changing takes a look at everything.
    const settled = accounts.devices.filter(({ judgement }) => judgement.settled);
    const keys = new Set(seen.keys);
    let isUnsettled = false;
    for (const device of accounts.devices) {
      if (device.judgement.settled) continue;
      keys.delete(device.placed.key);
      // What a scan has seen twice, and told, would be no other at the next look.
      if (!this.#unsettled.has(signatureOf(device))) isUnsettled = true;
    }
    book.extend(known.census, seen.namespaces, seen.pids);
    const queueIds = this.#queueIds.assign(openFilesByDevice(settled), keys);
    const sources = this.#sources(book, seen.processes, queueIds, accounts.candidates);
    const bindings = settled.map((device) => bindingOf(device, sources));
    const gone = known.update(
      keys,
      settled.map(({ placed }, i) => [placed, bindings[i]!] as const),
    );
    return { bindings, gone, isUnsettled };
  }

  #sources(
    book: NetnsBook,
    processes: BindingSources['processes'],
    queueIds: BindingSources['queueIds'],
    candidates: BindingSources['candidates'],
  ): BindingSources {
    const { workloadOf, userNameOf } = this.options;
    return { book, processes, queueIds, candidates, workloadOf, userNameOf };
  }

  /**
   * The table of a process may have been read before it attached, and the count taken after: only
   * what is still so at a second look is so. The second look searches for threads with tables, too.
   */
  async #lookUntilSettled(thoroughly: boolean): Promise<{ seen: Look; accounts: Accounts }> {
    const { host, finder } = this.options;
    let before = this.#unsettled;
    for (let attempt = 1; ; attempt++) {
      const seen = await look(host, finder, thoroughly || attempt > 1);
      const accounts = accountFor(host, seen.placement, seen.finds.denied.size);
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
  ): ScanCoverage {
    const deniedProcesses = [...finds.denied]
      .map(([pid, errno]) => ({ pid, errno }))
      .sort((a, b) => a.pid - b.pid);
    const deniedNetns = [...netnsDenied]
      .map(([inode, errno]) => ({ inode, errno }))
      .sort((a, b) => a.inode - b.inode);
    return {
      processesSeen: finds.seen.filter((pid) => !finds.denied.has(pid)).length,
      processesDenied: deniedProcesses.length,
      deniedProcesses: deniedProcesses.slice(0, DENIED_DETAILS_MAX),
      netnsSeen: namespaces.size,
      netnsDenied: deniedNetns.length,
      deniedNetns: deniedNetns.slice(0, DENIED_DETAILS_MAX),
      finder: this.options.finder.kind,
      degraded: [...this.#degraded, ...this.options.finder.degraded],
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

function openFilesByDevice(devices: readonly AccountedDevice[]): Map<string, readonly OpenFile[]> {
  return new Map(devices.map(({ placed, openFiles }) => [placed.key, openFiles]));
}
