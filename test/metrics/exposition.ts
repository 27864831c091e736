// Reads a page in Prometheus' text format, version 0.0.4, and throws at whatever the format or the naming
// conventions do not allow: https://prometheus.io/docs/instrumenting/exposition_formats/ and
// https://prometheus.io/docs/practices/naming/.

type Type = 'counter' | 'gauge' | 'histogram';

interface Sample {
  readonly name: string;
  readonly labels: ReadonlyMap<string, string>;
  readonly value: number;
}

export interface Family {
  readonly name: string;
  readonly help: string;
  readonly type: Type;
  readonly samples: readonly Sample[];
}

const HELP = /^# HELP ([a-z_][a-z0-9_]*) (\S.*)$/;
const TYPE = /^# TYPE ([a-z_][a-z0-9_]*) (counter|gauge|histogram)$/;
const SAMPLE = /^([a-z_][a-z0-9_]*)(?:\{([^{}]+)\})? (\S+)$/;
const LABEL = /^([a-z][a-z0-9_]*)="((?:[^"\\\n]|\\["\\n])*)"(?:,|$)/;
const NUMBER = /^(?:-?\d+(?:\.\d+)?(?:e[+-]?\d+)?|\+Inf|-Inf|NaN)$/;

/** By name. */
export function parsePage(page: string): ReadonlyMap<string, Family> {
  if (!page.endsWith('\n')) throw new Error('the last line does not end');
  const families = new Map<string, Family>();
  for (const block of page.slice(0, -1).split('\n\n')) {
    const family = parseFamily(block.replace(/\n$/, '').split('\n'));
    if (families.has(family.name)) throw new Error(`${family.name} is there twice`);
    families.set(family.name, family);
  }
  return families;
}

function parseFamily([helpLine = '', typeLine = '', ...lines]: readonly string[]): Family {
  const [, name = '', help = ''] = HELP.exec(helpLine) ?? fail(`no help: ${helpLine}`);
  const [, typed, type] = TYPE.exec(typeLine) ?? fail(`no type: ${typeLine}`);
  if (typed !== name) fail(`${typeLine} is not of ${name}`);
  const family = { name, help, type: type as Type, samples: lines.map(parseSample) };
  checkName(family);
  const series = family.samples.map((sample) => `${sample.name} ${seriesOf(sample)}`);
  if (new Set(series).size !== series.length) fail(`${name} has a series twice`);
  if (family.type === 'histogram') checkHistogram(family);
  else for (const sample of family.samples) checkPlain(family, sample);
  return family;
}

function parseSample(line: string): Sample {
  const [, name = '', labelled = '', value = ''] = SAMPLE.exec(line) ?? fail(`no sample: ${line}`);
  if (!NUMBER.test(value)) fail(`no number: ${line}`);
  const labels = new Map<string, string>();
  for (let rest = labelled; rest !== '';) {
    const [whole, label = '', text = ''] = LABEL.exec(rest) ?? fail(`no label: ${line}`);
    if (labels.has(label)) fail(`a label twice: ${line}`);
    labels.set(label, text);
    rest = rest.slice(whole.length);
  }
  return { name, labels, value: value === '+Inf' ? Infinity : Number(value) };
}

/** Base units, and the suffix that its type has. */
function checkName({ name, type, help }: Family): void {
  if ((type === 'counter') !== name.endsWith('_total')) fail(`${name} is a ${type}`);
  if (
    /_(?:ms|milliseconds|minutes|kilobytes|megabytes|percent|count|sum|bucket)(?:_|$)/.test(name)
  ) {
    fail(`${name} is not in a base unit, or has a suffix that is taken`);
  }
  if (/(?:^|_)(?:counter|gauge|histogram|metric)(?:_|$)/.test(name)) fail(`${name} has its type`);
  if (help.trim() !== help) fail(`the help of ${name} has space around it`);
}

function checkPlain({ name, type }: Family, sample: Sample): void {
  if (sample.name !== name) fail(`${sample.name} is not of ${name}`);
  if (type === 'counter' && !(sample.value >= 0)) fail(`${name} is below 0`);
}

function checkHistogram({ name, samples }: Family): void {
  const buckets = new Map<string, { le: number; value: number }[]>();
  const rest = new Map<string, number>();
  for (const sample of samples) {
    const key = seriesOf(sample, 'le');
    if (sample.name === `${name}_bucket`) {
      const le = sample.labels.get('le') ?? fail(`${name} has a bucket without a bound`);
      const series = buckets.get(key) ?? [];
      series.push({ le: le === '+Inf' ? Infinity : Number(le), value: sample.value });
      buckets.set(key, series);
    } else if (sample.name === `${name}_count`) {
      rest.set(key, sample.value);
    } else if (sample.name !== `${name}_sum`) {
      fail(`${sample.name} is not of ${name}`);
    }
  }
  for (const [key, series] of buckets) {
    series.reduce((before, bucket) => {
      if (bucket.le <= before.le || bucket.value < before.value) fail(`${name} does not cumulate`);
      return bucket;
    });
    const last = series.at(-1);
    if (last?.le !== Infinity || last.value !== rest.get(key)) fail(`${name} does not add up`);
  }
}

function seriesOf({ labels }: Sample, except = ''): string {
  const own = [...labels].filter(([label]) => label !== except);
  return JSON.stringify(own.toSorted(([a], [b]) => (a < b ? -1 : 1)));
}

function fail(why: string): never {
  throw new Error(why);
}
