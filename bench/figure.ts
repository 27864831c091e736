// What is measured beside scans: one line of the second table each.
export interface Figure {
  readonly measure: string;
  /** For people, with its unit. */
  readonly figure: string;
  readonly target: string | null;
  /** Null where nothing is judged. */
  readonly met: boolean | null;
  /** The numbers behind it, with their units in their names. */
  readonly numbers: Readonly<Record<string, number>>;
}

/** The value below which a share of the samples lies: 0.5 is the median. */
export function quantile(samples: readonly number[], share: number): number {
  const sorted = samples.toSorted((a, b) => a - b);
  return sorted[Math.min(Math.floor(share * sorted.length), sorted.length - 1)] ?? NaN;
}

/** As a table with aligned columns. */
export function figureTable(figures: readonly Figure[]): string {
  const rows = figures.map(({ measure, figure, target, met }) => [
    measure,
    figure,
    target ?? '-',
    met === null ? '-' : met ? 'yes' : 'NO',
  ]);
  const all = [['measure', 'figure', 'target', 'met'], ...rows];
  const widths = all[0]!.map((_, column) => Math.max(...all.map((row) => row[column]!.length)));
  return all
    .map((row) =>
      row
        .map((cell, column) => cell.padEnd(widths[column]!))
        .join('  ')
        .trimEnd(),
    )
    .join('\n');
}
