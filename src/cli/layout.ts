/**
 * How answers look in a terminal: columns, colours, times.
 *
 * Decides: the look only. Must never do: know what a row is about.
 */
import { stripVTControlCharacters, styleText } from 'node:util';

export type Tone = 'bold' | 'dim' | 'red' | 'green' | 'yellow' | 'cyan';

/** Gives text a tone, or leaves it alone where there is no colour. */
export type Paint = (tone: Tone, text: string) => string;

export function painter(hasColour: boolean): Paint {
  return hasColour ? (tone, text) => styleText(tone, text, { validateStream: false }) : (_tone, text) => text;
}

/** Rows with their columns aligned: two spaces between columns, nothing behind the last. */
export function alignColumns(rows: readonly (readonly string[])[]): readonly string[] {
  const widths: number[] = [];
  for (const row of rows) {
    for (const [column, cell] of row.entries()) widths[column] = Math.max(widths[column] ?? 0, visibleLength(cell));
  }
  return rows.map((row) =>
    row
      .map((cell, column) => cell + ' '.repeat((widths[column] ?? 0) - visibleLength(cell)))
      .join('  ')
      .trimEnd(),
  );
}

/** Every line moved to the right. */
export function indent(text: string, columns: number): string {
  return text.replaceAll(/^(?=.)/gm, ' '.repeat(columns));
}

/** `250 ms`, `15.2 s`, `5 min 17 s`, `1 h`: for people; milliseconds as a number are for programs. */
export function showMs(ms: number): string {
  if (ms < 1_000) return `${Number(ms.toFixed(1))} ms`;
  if (ms < 60_000) return `${Number((ms / 1_000).toFixed(2))} s`;
  const units = [
    ['d', 86_400_000],
    ['h', 3_600_000],
    ['min', 60_000],
    ['s', 1_000],
  ] as const;
  let rest = Math.round(ms / 1_000) * 1_000;
  const parts: string[] = [];
  for (const [unit, size] of units) {
    const count = Math.floor(rest / size);
    if (count > 0) parts.push(`${count} ${unit}`);
    rest -= count * size;
  }
  return parts.join(' ');
}

function visibleLength(text: string): number {
  return stripVTControlCharacters(text).length;
}
