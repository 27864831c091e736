/** Lays rows out: aligned and cut to the width on a terminal, tab-separated elsewhere. */
import type { Style } from './io.js';
import { cut, padEnd, textWidth } from './text-width.js';

export interface Column<Row> {
  readonly title: string;
  /** Printable text; empty shows as `-`. */
  cell(row: Row): string;
  /** A shorter form for a terminal. */
  brief?(row: Row): string;
  /** Never cut. */
  readonly whole?: boolean;
  /** Left out on a terminal when no row has it. */
  readonly optional?: boolean;
  style?(row: Row): Style;
}

const EMPTY = '-';
const GAP = '  ';
// Columns are cut to this width before any is cut further.
const READABLE = 8;

/** One record a line, fields separated by one tab, nothing cut. */
export function tabbed<Row>(columns: readonly Column<Row>[], rows: readonly Row[]): string[] {
  return rows.map((row) => columns.map((column) => column.cell(row) || EMPTY).join('\t'));
}

export function tabbedHeader<Row>(columns: readonly Column<Row>[]): string {
  return columns.map(({ title }) => title).join('\t');
}

/** Aligned lines without trailing spaces, the header first; `width` null: as wide as it takes. */
export function aligned<Row>(
  columns: readonly Column<Row>[],
  rows: readonly Row[],
  width: number | null,
  paint: (style: Style, text: string) => string,
): string[] {
  const brief = (column: Column<Row>, row: Row): string =>
    (column.brief?.(row) ?? column.cell(row)) || EMPTY;
  const shown = columns.filter(
    (column) => column.optional !== true || rows.some((row) => brief(column, row) !== EMPTY),
  );
  const widths = fit(
    shown.map((column) => ({
      natural: rows.reduce(
        (widest, row) => Math.max(widest, textWidth(brief(column, row))),
        textWidth(column.title),
      ),
      whole: column.whole === true,
    })),
    width,
  );
  const line = (cell: (column: Column<Row>) => string, style: (c: Column<Row>) => Style | null) =>
    shown
      .map((column, index) => {
        const room = widths[index]!;
        const text = cut(cell(column), room);
        const last = index === shown.length - 1;
        const painted = style(column);
        const filled = painted === null ? text : paint(painted, text);
        return last ? filled : filled + padEnd('', room - textWidth(text));
      })
      .join(GAP)
      .trimEnd();
  return [
    line(
      ({ title }) => title,
      () => 'bold',
    ),
    ...rows.map((row) =>
      line(
        (column) => brief(column, row),
        (column) => column.style?.(row) ?? null,
      ),
    ),
  ];
}

interface Room {
  readonly natural: number;
  readonly whole: boolean;
}

/** Takes from the widest column that may be cut until all fit, or nothing more can be taken. */
function fit(rooms: readonly Room[], width: number | null): number[] {
  const widths = rooms.map(({ natural }) => natural);
  if (width === null) return widths;
  let excess =
    widths.reduce((sum, room) => sum + room, 0) + GAP.length * (rooms.length - 1) - width;
  for (const least of [READABLE, 1]) {
    while (excess > 0) {
      const widest = widths.reduce(
        (best, room, index) =>
          !rooms[index]!.whole && room > least && room > (widths[best] ?? 0) ? index : best,
        -1,
      );
      if (widest === -1) break;
      widths[widest]! -= 1;
      excess -= 1;
    }
  }
  return widths;
}
