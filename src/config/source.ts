/**
 * Where a configuration was read from, and where in it every value stands.
 *
 * Read first: `read-yaml.ts` and `import-config.ts`, which make sources out of files.
 */
import type { Path } from './path.ts';
import type { ConfigProblem } from './problems.ts';

/** 1 is the first line and the first column. */
export interface Position {
  readonly line: number;
  readonly col: number;
}

/** `key` points at the name, `value` at what stands behind it. */
export type Part = 'key' | 'value';

export interface ConfigSource {
  /** As people write it; null for an object made in code. */
  readonly file: string | null;
  /** The text of the file, for code frames; null where it is a program. */
  readonly text: string | null;
  readonly value: unknown;
  /** What made reading it hard: syntax errors, duplicate keys. */
  readonly problems: readonly ConfigProblem[];
  /** False: the text is so broken that what `value` holds is guesswork and not worth checking. */
  readonly sound: boolean;
  /** The exact place of a path, or null where the source has none for it. */
  locate(path: Path, part: Part): Position | null;
}

/** A configuration that is an object in a running program. */
export function codeSource(value: unknown, file: string | null = null): ConfigSource {
  return { file, text: null, value, problems: [], sound: true, locate: () => null };
}

/** A problem with a text as a whole, at a place of it. */
export function textProblem(
  file: string,
  at: Position,
  message: string,
  suggestion: string | null = null,
): ConfigProblem {
  return { path: '', file, line: at.line, col: at.col, message, expected: null, got: null, suggestion };
}

/** Turns offsets into a text into positions. */
export function positionsIn(text: string): (offset: number) => Position {
  const starts = [0];
  for (let at = text.indexOf('\n'); at >= 0; at = text.indexOf('\n', at + 1)) starts.push(at + 1);
  return (offset) => {
    let line = 0;
    let beyond = starts.length;
    while (beyond - line > 1) {
      const middle = Math.floor((line + beyond) / 2);
      if ((starts[middle] ?? 0) <= offset) line = middle;
      else beyond = middle;
    }
    return { line: line + 1, col: offset - (starts[line] ?? 0) + 1 };
  };
}
