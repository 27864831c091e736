/** All that the server counts, as a page that Prometheus reads. Names neither devices nor processes. */
import { collectDefaultMetrics } from 'prom-client';
import type { BindingStore } from '../store/binding-store.js';
import { Families } from './families.js';
import { ProbeMetrics } from './probe-metrics.js';
import { ServiceMetrics } from './service-metrics.js';
import { addViewMetrics } from './view-metrics.js';

/**
 * How often Node measures the delay of its event loop, milliseconds: what is delayed by less does not matter
 * here, and an idle server should be woken up seldom.
 */
const EVENT_LOOP_MS = 100;

/** Of Node's own: what is at work inside, of no use here, and some are gauges with names of counters. */
const LEFT_OUT = /^nodejs_active_/;

export class Metrics {
  readonly #families = new Families();
  readonly service: ServiceMetrics;
  readonly probe: ProbeMetrics;

  /** `version` is tapmap's. */
  constructor(store: BindingStore, version: string) {
    const families = this.#families;
    families.gauges('tapmap_build_info', '1; the version of tapmap', ['version'], () => [
      [[version], 1],
    ]);
    addViewMetrics(families, store);
    this.probe = new ProbeMetrics(families);
    this.service = new ServiceMetrics(families);
    collectDefaultMetrics({
      register: families.registry,
      eventLoopMonitoringPrecision: EVENT_LOOP_MS,
    });
    for (const { name } of families.registry.getMetricsAsArray()) {
      if (LEFT_OUT.test(name)) families.registry.removeSingleMetric(name);
    }
  }

  get contentType(): string {
    return this.#families.registry.contentType;
  }

  /** In Prometheus' text format, see https://prometheus.io/docs/instrumenting/exposition_formats/. */
  page(): Promise<string> {
    return this.#families.registry.metrics();
  }
}
