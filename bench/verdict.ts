// What the figures are held against: ratios in one run, because absolute figures do not travel.
import type { Measured } from './contender.js';

export const C_LOOP = 'C loop: getdents64 + readlinkat';
export const SCAN = 'tapmap: full scan, /proc finder';
export const BPF_SCAN = 'tapmap: full scan, BPF finder';

export interface Row {
  readonly measure: string;
  /** Median, milliseconds. A lower bound where `cutShort`. */
  readonly milliseconds: number;
  readonly best: number;
  readonly runs: number;
  /** Median divided by the C loop's. */
  readonly ratio: number;
  readonly cutShort: boolean;
  readonly target: string | null;
  /** Null where nothing is judged. */
  readonly met: boolean | null;
}

/** At most so many times the C loop. */
const AT_MOST: Record<string, number> = { [SCAN]: 1.0, [BPF_SCAN]: 0.35 };

/** How many times faster than a peer the scan has to be. */
const FASTER_THAN: Record<string, number> = { lsfd: 5, 'ip -d tuntap show': 200 };

export function judge(
  measured: readonly Measured[],
  cutShort: ReadonlySet<string>,
  judging: boolean,
): Row[] {
  const medianOf = (name: string): number =>
    measured.find((one) => one.name === name)?.median ?? NaN;
  const scan = medianOf(SCAN);
  return measured.map(({ name, median, best, samples }) => {
    const ratio = median / medianOf(C_LOOP);
    const row = {
      measure: name,
      milliseconds: median,
      best,
      runs: samples.length,
      ratio,
      cutShort: cutShort.has(name),
    };
    const factor = FASTER_THAN[name];
    const most = AT_MOST[name];
    if (!judging) return { ...row, target: null, met: null };
    if (most !== undefined) {
      return { ...row, target: `<= ${most} x the C loop`, met: ratio <= most };
    }
    if (factor === undefined) return { ...row, target: null, met: null };
    const times = median / scan;
    const bound = row.cutShort ? '> ' : '';
    const target = `scan >= ${factor} x faster: ${bound}${times.toPrecision(3)} x`;
    // From a lower bound that is too low nothing follows.
    return { ...row, target, met: row.cutShort && times < factor ? null : times >= factor };
  });
}

/** The rows as a table with aligned columns. */
export function table(rows: readonly Row[]): string {
  const cells = rows.map((row) => {
    const bound = row.cutShort ? '> ' : '';
    return [
      row.measure,
      `${bound}${row.milliseconds.toFixed(1)} ms`,
      `${bound}${row.ratio.toFixed(2)} x`,
      row.target ?? '-',
      row.met === null ? '-' : row.met ? 'yes' : 'NO',
    ];
  });
  const all = [['measure', 'median', 'to the C loop', 'target', 'met'], ...cells];
  const widths = all[0]!.map((_, column) =>
    Math.max(...all.map((row) => row[column]?.length ?? 0)),
  );
  const isNumber = (column: number): boolean => column === 1 || column === 2;
  return all
    .map((row) =>
      row
        .map((cell, column) =>
          isNumber(column) ? cell.padStart(widths[column]!) : cell.padEnd(widths[column]!),
        )
        .join('  ')
        .trimEnd(),
    )
    .join('\n');
}
