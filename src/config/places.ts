/**
 * The place of every value, whoever gave it: the file, an environment variable, a flag, or nobody but the default.
 *
 * Read first: `source.ts` (files) and `overlay.ts` (environment and flags).
 */
import { formatPath, type Path } from './path.ts';
import type { ConfigSource, Part, Position } from './source.ts';

export interface Place {
  /** File, environment variable or flag; null for an object made in code. */
  readonly file: string | null;
  readonly line: number | null;
  readonly col: number | null;
}

export interface Places {
  /** The place of a path, or of the nearest thing around it. */
  of(path: Path, part: Part): Place;
  /** For logs and `explain`: `sallyport.yaml:12:9 timeouts.idle`, `SALLYPORT_TIMEOUTS_IDLE`, `routes[0].timeouts.idle`. */
  describe(path: Path, part?: Part): string;
}

/** @param overlaid which values environment and flags gave: path to name. */
export function placesOf(source: ConfigSource, overlaid: ReadonlyMap<string, string>): Places {
  const of = (path: Path, part: Part): Place => {
    const name = overlaid.get(formatPath(path));
    if (name !== undefined) return { file: name, line: null, col: null };
    const exact = source.locate(path, part);
    if (exact !== null) return inFile(source, exact);
    const below = [...overlaid.keys()].find((key) => path.length > 0 && key.startsWith(`${formatPath(path)}.`));
    if (below !== undefined) return { file: overlaid.get(below) ?? null, line: null, col: null };
    return inFile(source, around(source, path));
  };
  return {
    of,
    describe(path, part = 'value') {
      const place = of(path, part);
      const written = formatPath(path);
      if (place.file === null) return written;
      if (place.line !== null) return `${place.file}:${place.line}:${place.col} ${written}`;
      return place.file === source.file ? `${place.file}: ${written}` : place.file;
    },
  };
}

function inFile(source: ConfigSource, position: Position | null): Place {
  return { file: source.file, line: position?.line ?? null, col: position?.col ?? null };
}

/** The innermost thing around a path that has a place; the first character of a file otherwise. */
function around(source: ConfigSource, path: Path): Position | null {
  for (let length = path.length - 1; length >= 0; length -= 1) {
    const position = source.locate(path.slice(0, length), 'value');
    if (position !== null) return position;
  }
  return source.text === null ? null : { line: 1, col: 1 };
}
