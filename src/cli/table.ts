/** Tables for a terminal: columns as wide as needed, cut where the line is too short. Pure. */

export type Tone = 'good' | 'bad' | 'warn' | 'dim';
export type Cell = string | number | { text: string; tone?: Tone };

export interface Column {
  title: string;
  align?: 'left' | 'right';
  /** May be cut when the table does not fit; the widest of them first. */
  shrink?: boolean;
}

export interface TableOptions {
  /** Characters in a line; Infinity: nothing is cut. */
  width: number;
  color: boolean;
}

const GAP = '  ';
/** A column that is cut keeps this much, so that something can be read. */
const LEAST_WIDTH = 6;
/** SGR codes. Bold title line; the tones are the eight basic colours, which every scheme keeps apart. */
const CODES: Record<Tone | 'bold', string> = { good: '32', bad: '31', warn: '33', dim: '2', bold: '1' };

export function paint(text: string, tone: Tone | 'bold' | undefined, color: boolean): string {
  return color && tone !== undefined ? `\u001b[${CODES[tone]}m${text}\u001b[0m` : text;
}

/** Control characters in names and causes that come from outside must not reach the terminal. */
export function printable(text: string): string {
  return text.replace(/[\u0000-\u001f\u007f-\u009f]/g, '?');
}

/** Title line and one line for each row; no trailing blanks. */
export function renderTable(
  columns: readonly Column[],
  rows: readonly (readonly Cell[])[],
  options: TableOptions,
): string[] {
  const texts = rows.map((row) => columns.map((_, index) => printable(textOf(row[index]))));
  const widths = columns.map((column, index) =>
    Math.max(lengthOf(column.title), ...texts.map((row) => lengthOf(row[index]!))),
  );
  shrinkToFit(columns, widths, options.width);
  const line = (cells: readonly string[], tones: readonly (Tone | 'bold' | undefined)[]): string =>
    cells
      .map((text, index) => {
        const shown = cut(text, widths[index]!);
        const pad = ' '.repeat(widths[index]! - lengthOf(shown));
        const painted = paint(shown, tones[index], options.color);
        if (columns[index]!.align === 'right') return pad + painted;
        return index === cells.length - 1 ? painted : painted + pad;
      })
      .join(GAP)
      .trimEnd();
  const title = line(
    columns.map((column) => column.title),
    columns.map(() => 'bold'),
  );
  return [
    title,
    ...texts.map((row, index) =>
      line(
        row,
        columns.map((_, column) => toneOf(rows[index]![column])),
      ),
    ),
  ];
}

function shrinkToFit(columns: readonly Column[], widths: number[], available: number): void {
  let excess = widths.reduce((sum, width) => sum + width, 0) + GAP.length * (widths.length - 1) - available;
  while (excess > 0) {
    let widest = -1;
    for (const [index, column] of columns.entries()) {
      const canShrink = column.shrink === true && widths[index]! > LEAST_WIDTH;
      if (canShrink && (widest < 0 || widths[index]! > widths[widest]!)) widest = index;
    }
    if (widest < 0) return;
    widths[widest]!--;
    excess--;
  }
}

const textOf = (cell: Cell | undefined): string =>
  typeof cell === 'object' ? cell.text : cell === undefined ? '' : String(cell);
const toneOf = (cell: Cell | undefined): Tone | undefined => (typeof cell === 'object' ? cell.tone : undefined);
/** Code points, not UTF-16 units. */
const lengthOf = (text: string): number => [...text].length;
const cut = (text: string, width: number): string =>
  lengthOf(text) <= width ? text : `${[...text].slice(0, width - 1).join('')}…`;
