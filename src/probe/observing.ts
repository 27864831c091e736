/** Looks at the host, again and again and where something may have changed, and tells what differs. */
import type { Logger } from 'pino';
import { hostRoot, Identification } from '../identify/identification.js';
import type { Finder } from '../inspect/find.js';
import type { Host } from '../inspect/host.js';
import { Inspector } from '../inspect/inspector.js';
import { LookLoop, type Outcome } from '../live/look-loop.js';
import { isNode, tapNodesOf } from '../inspect/nodes.js';
import type { Scope } from '../inspect/scope.js';
import type { TriggerName } from '../live/trigger-kinds.js';
import { Triggers } from '../live/triggers.js';
import type { Coverage } from '../model/coverage.js';
import type { Effort } from '../model/effort.js';
import type { Observation } from '../model/observation.js';
import { Difference } from './difference.js';

export interface ObservingOptions {
  /** Which must tell `enteredNetns` of the namespaces that are entered. */
  readonly host: Host;
  readonly finder: Finder;
  /** Share of one core, from 0 to 1, that scans may take while nothing is told. */
  readonly scanShare: number;
  readonly withoutTriggers: readonly TriggerName[];
  readonly log: Logger;
  /** Takes an observation, and the requests for a scan that it answers. */
  readonly tell: (observation: Observation, answers: readonly number[]) => Promise<void>;
}

export class Observing {
  readonly #inspector: Inspector;
  readonly #difference = new Difference();
  readonly #loop: LookLoop;
  readonly #triggers: Triggers;
  #coverage: Coverage | null = null;

  constructor(private readonly options: ObservingOptions) {
    const { host, finder, scanShare, withoutTriggers } = options;
    const { procRoot } = host;
    const { workloadOf, userNameOf } = new Identification({ root: hostRoot(procRoot), procRoot });
    this.#inspector = new Inspector({ host, finder, workloadOf, userNameOf });
    const isTold = () => this.#triggers.areComplete;
    this.#loop = new LookLoop(
      { share: scanShare, isTold },
      { scan: (answers) => this.#scan(answers), part: (scope) => this.#part(scope) },
    );
    this.#triggers = new Triggers({
      procRoot,
      ownNetns: host.ownNetns,
      ownPid: host.ownPid,
      isNode: (major, minor) => isNode(host, major, minor),
      changes: this.#loop,
      lost: () => {
        this.#loop.lost();
      },
      without: new Set(withoutTriggers),
    });
  }

  /** Links of this namespace are told of from now on. */
  enteredNetns(inode: number, netns: number): void {
    this.#triggers.enteredNetns(inode, netns);
  }

  /** A scan that begins from now on answers this request. */
  ask(id: number): void {
    this.#loop.ask(id);
  }

  /** Of this process, which is all there is of the probe. */
  get effort(): Effort {
    const { user, system } = process.cpuUsage();
    const residentBytes = process.memoryUsage.rss();
    return { processorTime: (user + system) / 1000, residentBytes, ...this.#loop.effort };
  }

  /** Ends only by an error. */
  async run(): Promise<never> {
    const [never] = await Promise.all([this.#loop.run(), this.#triggers.run()]);
    return never;
  }

  async #scan(answers: readonly number[]): Promise<void> {
    const { log, tell } = this.options;
    const { bindings, coverage, nodes, mountNamespaces } = await this.#inspector.scan(
      answers.length > 0,
    );
    log.debug({ tookMs: coverage.scanDuration, bindings: bindings.length }, 'scanned');
    this.#triggers.watch({ holders: this.#inspector.holders(), nodes, mountNamespaces });
    const triggers = this.#triggers.states;
    const scanInterval = this.#loop.scanInterval;
    this.#coverage = { ...coverage, triggers, scanInterval };
    await tell(this.#difference.next(bindings, this.#coverage), answers);
  }

  async #part(scope: Scope): Promise<Outcome> {
    const { log, tell } = this.options;
    const begin = performance.now();
    const seen = this.#inspector.scanPart(scope);
    if (seen === null || this.#coverage === null) return 'scan';
    this.#triggers.watchHolders(this.#inspector.holders(), tapNodesOf(seen.bindings));
    const observation = this.#difference.part(seen.bindings, seen.gone, this.#coverage);
    log.trace({ tookMs: performance.now() - begin, differs: observation !== null }, 'looked again');
    if (observation !== null) await tell(observation, []);
    return seen.isUnsettled ? 'unsettled' : 'settled';
  }
}
