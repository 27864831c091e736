/** Scans, and what the probe costs. */
import type { Histogram } from 'prom-client';
import type { Effort } from '../model/effort.js';
import type { Observation } from '../model/observation.js';
import { Tally, type Families } from './families.js';

const SCAN_BUCKETS = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30];

export class ProbeMetrics {
  readonly #scans = new Tally([['schedule'], ['request']]);
  readonly #scanDuration: Histogram;
  #probes = 0;
  /** Of the probe of now, or of the last one while there is none. */
  #effort: Effort | null = null;
  /** When the scan began that was counted last. */
  #scanTime: number | null = null;

  constructor(families: Families) {
    families.counters(
      'tapmap_scans_total',
      'Scans of the whole host that the server was told of, by what they were made for',
      ['cause'],
      () => this.#scans.samples(),
    );
    this.#scanDuration = families.histogram(
      'tapmap_scan_duration_seconds',
      'Time that a scan of the whole host took',
      SCAN_BUCKETS,
    );
    families.counter(
      'tapmap_probe_restarts_total',
      'Probes that took the place of one that was lost, since the server began',
      () => Math.max(this.#probes - 1, 0),
    );
    families.counter(
      'tapmap_probe_cpu_seconds_total',
      'Processor time of the probe, in user mode and in the kernel, since it began',
      () => this.#told(({ processorTime }) => processorTime / 1000),
    );
    families.gauge('tapmap_probe_resident_memory_bytes', 'Memory that the probe occupies', () =>
      this.#told(({ residentBytes }) => residentBytes),
    );
    families.counters(
      'tapmap_probe_looks_total',
      'Looks at the host since the probe began, by extent',
      ['extent'],
      () => this.#looks(({ count }) => count),
    );
    families.counters(
      'tapmap_probe_looks_cpu_seconds_total',
      'Processor time that looks at the host took since the probe began, by extent',
      ['extent'],
      () => this.#looks(({ processorTime }) => processorTime / 1000),
    );
  }

  /** There is a new probe. */
  adopted(): void {
    this.#probes++;
  }

  observed({ coverage }: Observation, asked: boolean): void {
    // A partial observation has the coverage of the scan before.
    if (coverage.scanTime === this.#scanTime) return;
    this.#scanTime = coverage.scanTime;
    this.#scans.add([asked ? 'request' : 'schedule']);
    this.#scanDuration.observe(coverage.scanDuration / 1000);
  }

  used(effort: Effort): void {
    this.#effort = effort;
  }

  #told(read: (effort: Effort) => number): number | null {
    return this.#effort === null ? null : read(this.#effort);
  }

  #looks(read: (looks: Effort['scans']) => number): readonly (readonly [[string], number])[] {
    if (this.#effort === null) return [];
    const { scans, parts } = this.#effort;
    return [
      [['scan'], read(scans)],
      [['part'], read(parts)],
    ];
  }
}
