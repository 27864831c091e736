/** Metric families. What counts keeps plain numbers; they are read when somebody asks for the page. */
import { Counter, Gauge, Histogram, Registry } from 'prom-client';

/** Values of the labels, in the order of their names, and the value itself. */
export type Sample = readonly [labels: readonly string[], value: number];

export class Families {
  readonly registry = new Registry();

  /** `read` returns null while there is no value to tell. */
  gauge(name: string, help: string, read: () => number | null): void {
    this.gauges(name, help, [], () => samplesOf(read()));
  }

  gauges(
    name: string,
    help: string,
    labels: readonly string[],
    read: () => Iterable<Sample>,
  ): void {
    const gauge = new Gauge({
      name,
      help,
      labelNames: labels,
      registers: [this.registry],
      collect: () => {
        gauge.reset();
        // Without labels it would be 0 then.
        if (labels.length === 0) gauge.remove();
        for (const [values, value] of read()) gauge.set(named(labels, values), value);
      },
    });
  }

  counter(name: string, help: string, read: () => number | null): void {
    this.counters(name, help, [], () => samplesOf(read()));
  }

  counters(
    name: string,
    help: string,
    labels: readonly string[],
    read: () => Iterable<Sample>,
  ): void {
    const counter = new Counter({
      name,
      help,
      labelNames: labels,
      registers: [this.registry],
      collect: () => {
        counter.reset();
        if (labels.length === 0) counter.remove();
        for (const [values, value] of read()) counter.inc(named(labels, values), value);
      },
    });
  }

  histogram(name: string, help: string, buckets: readonly number[]): Histogram {
    return new Histogram({ name, help, buckets: [...buckets], registers: [this.registry] });
  }
}

/** Counts by the values of one label or more. */
export class Tally {
  readonly #counts = new Map<string, { readonly labels: readonly string[]; count: number }>();

  /** Those of `known` are told from the start, with 0, so that a rate over them sees the first one. */
  constructor(known: Iterable<readonly string[]> = []) {
    for (const labels of known) this.add(labels, 0);
  }

  add(labels: readonly string[], count = 1): void {
    const key = labels.join(' ');
    const entry = this.#counts.get(key);
    if (entry === undefined) this.#counts.set(key, { labels, count });
    else entry.count += count;
  }

  *samples(): Generator<Sample> {
    for (const { labels, count } of this.#counts.values()) yield [labels, count];
  }
}

function samplesOf(value: number | null): readonly Sample[] {
  return value === null ? [] : [[[], value]];
}

function named(names: readonly string[], values: readonly string[]): Record<string, string> {
  return Object.fromEntries(names.map((name, index) => [name, values[index] ?? '']));
}
