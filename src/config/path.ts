/**
 * Paths into a configuration: `routes[0].match.ports`, as people write and read them.
 *
 * Read first: `problems.ts`, which puts a path on everything it reports.
 */

/** Numbers are places in lists, text is a key. */
export type Path = readonly (string | number)[];

/** `['routes', 0, 'match']` as `routes[0].match`; the empty path is the empty text. */
export function formatPath(path: Path): string {
  let text = '';
  for (const part of path) {
    if (typeof part === 'number') text += `[${part}]`;
    else if (/^[\w$*-]+$/.test(part)) text += text === '' ? part : `.${part}`;
    else text += `[${JSON.stringify(part)}]`;
  }
  return text;
}

/** What comes after the last dot: `ports[1]`, `idle`. */
export function lastPart(path: Path): string {
  let from = path.length - 1;
  while (from > 0 && typeof path[from] === 'number') from -= 1;
  return from < 0 ? 'the configuration' : formatPath(path.slice(from));
}

/** The inverse for what people type: dots, and `[0]` or `.0` for places in lists. Null where it is no path. */
export function parsePath(text: string): Path | null {
  const path: (string | number)[] = [];
  for (const [at, piece] of text.split('.').entries()) {
    const parts = /^([\w$-]*)((?:\[\d{1,6}\])*)$/.exec(piece);
    if (parts === null) return null;
    const [, key = '', indexes = ''] = parts;
    if (key === '' && (at > 0 || indexes === '')) return null;
    if (key !== '') path.push(key);
    for (const index of indexes.matchAll(/\d+/g)) path.push(Number(index[0]));
  }
  return path;
}

/** Zod's paths may hold symbols; ours cannot. */
export function toPath(keys: readonly PropertyKey[]): Path {
  return keys.map((key) => (typeof key === 'symbol' ? String(key) : key));
}
