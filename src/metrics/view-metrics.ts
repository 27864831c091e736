/** What the server tells its clients now, in figures. */
import type { FinderKind, TriggerKind, TriggerState } from '../model/coverage.js';
import type { DeviceKind } from '../model/device.js';
import type { Verdict } from '../model/verdict.js';
import type { BindingStore } from '../store/binding-store.js';
import type { StoredCoverage } from '../store/coverage.js';
import type { Families, Sample } from './families.js';

const KINDS: readonly DeviceKind[] = ['TUN', 'TAP', 'MACVTAP', 'IPVTAP'];
const VERDICTS: readonly Verdict[] = ['HELD', 'KEPT', 'UNHELD', 'HIDDEN', 'UNKNOWN'];
const FINDERS: readonly FinderKind[] = ['PROC', 'BPF'];

export function addViewMetrics(families: Families, store: BindingStore): void {
  const covered = (read: (coverage: StoredCoverage) => number): (() => number | null) => {
    return () => (store.ready ? read(store.coverage) : null);
  };
  const triggers = (read: (trigger: TriggerState) => number) => (): Sample[] => {
    if (!store.ready) return [];
    return store.coverage.triggers.map((trigger) => [[word(trigger.kind)], read(trigger)]);
  };

  families.gauges(
    'tapmap_bindings',
    'Devices, by kind and by verdict on who holds them',
    ['kind', 'verdict'],
    () => bindings(store),
  );
  families.counter(
    'tapmap_revisions_total',
    'Revisions of the list of bindings since the server began: the last one is the revision of now',
    () => store.revision,
  );
  families.gauge(
    'tapmap_stale',
    '1 while what the server tells is what was last seen, as there is no probe; and before the first scan',
    () => (store.ready && store.coverage.stale === null ? 0 : 1),
  );
  families.gauge(
    'tapmap_observation_age_seconds',
    'Time since the probe last told what it saw; at most the scan interval while all is well',
    covered(() => Math.max(Date.now() - store.observedAt, 0) / 1000),
  );
  families.gauge(
    'tapmap_scan_interval_seconds',
    'From the start of one scan to that of the next, at most',
    covered(({ scanInterval }) => scanInterval / 1000),
  );
  families.gauge(
    'tapmap_processes_seen',
    'Processes that there were at the last scan',
    covered(({ processesSeen }) => processesSeen),
  );
  families.gauge(
    'tapmap_processes_denied',
    'Processes that could not be looked at, at the last scan',
    covered(({ processesDenied }) => processesDenied),
  );
  families.gauge(
    'tapmap_netns_seen',
    'Network namespaces that were listed, at the last scan',
    covered(({ netnsSeen }) => netnsSeen),
  );
  families.gauge(
    'tapmap_netns_denied',
    'Network namespaces that could not be listed, at the last scan',
    covered(({ netnsDenied }) => netnsDenied),
  );
  families.gauge(
    'tapmap_unattached_descriptors',
    'Descriptors of a tun device node that are attached to no device, at the last scan',
    covered(({ unattachedFds }) => unattachedFds),
  );
  families.gauge(
    'tapmap_degradations',
    'Kernel features and capabilities that are missing; tapmap doctor tells which, and what that costs',
    covered(({ degraded }) => degraded.length),
  );
  families.gauges('tapmap_finder_info', '1 for what finds open files', ['finder'], () =>
    store.ready
      ? FINDERS.map((finder) => [[word(finder)], finder === store.coverage.finder ? 1 : 0])
      : [],
  );
  families.gauges(
    'tapmap_trigger_up',
    '1 while a trigger is at work everywhere, by kind',
    ['kind'],
    triggers(({ missing }) => (missing === '' ? 1 : 0)),
  );
  families.counters(
    'tapmap_trigger_losses_total',
    'How often a trigger has lost events since the probe began, by kind; a scan followed each time',
    ['kind'],
    triggers(({ losses }) => losses),
  );
}

function bindings(store: BindingStore): readonly Sample[] {
  const counts = new Map<string, number>();
  for (const { device, verdict } of store.records) {
    const key = `${device.kind} ${verdict}`;
    counts.set(key, (counts.get(key) ?? 0) + 1);
  }
  return KINDS.flatMap((kind) =>
    VERDICTS.map((verdict): Sample => {
      return [[word(kind), word(verdict)], counts.get(`${kind} ${verdict}`) ?? 0];
    }),
  );
}

/** As flags have it: `process-connector`. */
function word(name: DeviceKind | Verdict | FinderKind | TriggerKind): string {
  return name.toLowerCase().replaceAll('_', '-');
}
