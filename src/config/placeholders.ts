/**
 * `${NAME}` and `${NAME:-default}` in text values, replaced from the environment.
 *
 * Decides: which placeholders are missing or misspelt. Must never do: touch keys, or expand what it has inserted.
 */
import type { Finding } from './finding.ts';
import { formatPath, type Path } from './path.ts';
import { isRecord, setOwn } from './plain.ts';

/** Names and values, as `process.env` has them. */
export type Environment = Readonly<Record<string, string | undefined>>;

export interface Expanded {
  /** A copy; plain lists and objects only, everything else is kept as it is. */
  readonly value: unknown;
  readonly findings: readonly Finding[];
  /** Values that held placeholders, as they were written: path to text. */
  readonly templates: ReadonlyMap<string, string>;
  /** The environment variables that were asked for. */
  readonly names: ReadonlySet<string>;
}

export function expandPlaceholders(value: unknown, environment: Environment): Expanded {
  const findings: Finding[] = [];
  const templates = new Map<string, string>();
  const names = new Set<string>();
  const around: unknown[] = [];

  const copy = (item: unknown, path: Path): unknown => {
    if (typeof item === 'string') return item.includes('${') ? text(item, path) : item;
    if (!Array.isArray(item) && !isRecord(item)) return item;
    if (around.includes(item) || around.length >= depthMax) {
      findings.push({
        path,
        message: around.includes(item) ? 'this contains itself' : 'this is nested too deeply',
        part: 'key',
      });
      return null;
    }
    around.push(item);
    const copied = Array.isArray(item) ? copyList(item, path) : copyRecord(item, path);
    around.pop();
    return copied;
  };
  const copyList = (list: readonly unknown[], path: Path): unknown[] =>
    Array.from(list, (item, index) => copy(item, [...path, index]));
  const copyRecord = (record: Record<string, unknown>, path: Path): Record<string, unknown> => {
    const copied = {};
    for (const key of Object.keys(record)) setOwn(copied, key, copy(record[key], [...path, key]));
    return copied;
  };
  const text = (written: string, path: Path): string => {
    templates.set(formatPath(path), written);
    return written.replaceAll(placeholder, (whole, name: string | undefined, fallback: string | undefined) => {
      if (name === undefined)
        findings.push({ path, message: 'this placeholder is not complete', expected: placeholderForms });
      else names.add(name);
      const found = name === undefined ? whole : valueOf(environment, name, fallback);
      if (found === null)
        findings.push({
          path,
          message: `the environment variable ${name} is not set`,
          expected: `${name} in the environment, or a default: \${${name}:-…}`,
        });
      return found ?? '';
    });
  };
  return { value: copy(value, []), findings, templates, names };
}

/** More than any configuration nests, less than any stack holds. */
const depthMax = 64;
const placeholder = /\$\{(?:([A-Za-z_]\w*)(?::-([^}]*))?\})?/g;
const placeholderForms = '${NAME} or ${NAME:-default}';

/** The variables that a text asks for, each once. */
export function namesIn(written: string): readonly string[] {
  return [...new Set([...written.matchAll(placeholder)].flatMap(([, name]) => name ?? []))];
}

/** As in a shell: with a default, an empty variable counts as unset. */
function valueOf(environment: Environment, name: string, fallback: string | undefined): string | null {
  const value = Object.hasOwn(environment, name) ? environment[name] : undefined;
  if (fallback !== undefined) return value === undefined || value === '' ? fallback : value;
  return value ?? null;
}
