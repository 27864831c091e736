/** All that the server counts, as a page that Prometheus reads. Names neither devices nor processes. */
import { collectDefaultMetrics } from 'prom-client';
import type { BindingStore } from '../store/binding-store.js';
import { Families } from './families.js';
import { ProbeMetrics } from './probe-metrics.js';
import { ServiceMetrics } from './service-metrics.js';
import { addViewMetrics } from './view-metrics.js';

/**
 * Of Node's own: what is at work inside, of no use here, some of it gauges with names of counters; and the
 * distribution of the delays of the event loop, which is measured by waking an idle server up.
 */
const LEFT_OUT = /^nodejs_(?:active_|eventloop_lag_(?!seconds$))/;
/** As seldom as can be, then; milliseconds. */
const EVENT_LOOP_MS = 3_600_000;

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
