/**
 * Environment variables and flags laid over a configuration: `SALLYPORT_TIMEOUTS_IDLE=2m`, `--set timeouts.idle=2m`.
 *
 * Decides: which path a name means, and that a flag beats the environment, which beats the file.
 * Must never do: judge a value; it is text, and the schema reads it like any other.
 */
import type { Finding } from './finding.ts';
import { formatPath, parsePath, type Path } from './path.ts';
import type { Environment } from './placeholders.ts';
import { isRecord, ownValue, setOwn } from './plain.ts';
import { configSchema } from './schema.ts';
import { scalarPaths } from './schema-walk.ts';
import { isSecretPath } from './shown.ts';
import { nearest } from './suggest.ts';

export interface OverlayInput {
  readonly environment: Environment;
  /** Variables that are used otherwise, by a placeholder: they need not name a path. */
  readonly usedNames: ReadonlySet<string>;
  /** `path=value`, in the order given; the last one wins. */
  readonly sets: readonly string[];
}

/** What is wrong with a variable or a flag itself; its name stands where a file's would. */
export interface OverlayProblem {
  readonly source: string;
  readonly finding: Finding;
}

export interface Overlay {
  /** Values given: path to the name of who gave it. */
  readonly given: ReadonlyMap<string, string>;
  readonly problems: readonly OverlayProblem[];
}

/** Writes what environment and flags say into `root`, which must be a copy of the caller's own. */
export function applyOverlay(root: unknown, { environment, usedNames, sets }: OverlayInput): Overlay {
  const given = new Map<string, string>();
  const problems: OverlayProblem[] = [];
  const give = (source: string, path: Path, value: string): void => {
    if (write(root, path, value)) given.set(formatPath(path), source);
    else problems.push({ source, finding: { path, message: 'there is nothing here that could be set', part: 'key' } });
  };
  for (const [name, value = ''] of Object.entries(environment).toSorted(byName)) {
    if (!name.startsWith(prefix) || reserved.has(name) || value === '') continue;
    const path = pathOfVariable(name);
    if (path !== null) give(name, path, value);
    else if (!usedNames.has(name)) problems.push({ source: name, finding: unknownVariable(name) });
  }
  for (const set of sets) {
    const path = parsePath(set.slice(0, Math.max(0, set.indexOf('='))));
    if (path !== null) give(flagName(set, path), path, set.slice(set.indexOf('=') + 1));
    else
      problems.push({
        source: `--set ${(set.split('=')[0] ?? '').slice(0, 40)}`,
        finding: {
          path: [],
          message: 'this is not path=value',
          expected: 'a path and a value, such as timeouts.idle=2m',
        },
      });
  }
  return { given, problems };
}

/** A flag as it was typed, short, and without a secret. */
function flagName(set: string, path: Path): string {
  return isSecretPath(path) ? `--set ${formatPath(path)}=[hidden]` : `--set ${set.slice(0, 80)}`;
}

const prefix = 'SALLYPORT_';
/** Read by placeholders only; naming the path `admin.token` would be the same thing twice. */
const reserved: ReadonlySet<string> = new Set(['SALLYPORT_ADMIN_TOKEN']);

/** `timeouts.halfClosedMax` as `SALLYPORT_TIMEOUTS_HALF_CLOSED_MAX`. */
export function variableName(path: readonly string[]): string {
  return prefix + path.map((part) => part.replaceAll(/[A-Z]/g, '_$&').toUpperCase()).join('_');
}

const variables: readonly { readonly name: string; readonly path: readonly string[] }[] = scalarPaths(configSchema)
  .filter((path) => path.length > 0 && path[0] !== '$schema')
  .map((path) => ({ name: variableName(path), path }))
  .filter(({ name }) => !reserved.has(name));

function pathOfVariable(name: string): Path | null {
  for (const { name: pattern, path } of variables) {
    const [before = '', after] = pattern.split('*');
    if (after === undefined ? name === pattern : name.startsWith(before) && name.endsWith(after)) {
      const free = name.slice(before.length, name.length - (after ?? '').length);
      if (after === undefined) return path;
      if (/^[A-Z0-9]+(?:_[A-Z0-9]+)*$/.test(free))
        return path.map((part) => (part === '*' ? free.toLowerCase().replaceAll('_', '-') : part));
    }
  }
  return null;
}

function unknownVariable(name: string): Finding {
  const known = variables.map((variable) => variable.name);
  return {
    path: [],
    message: 'this variable names nothing in the configuration',
    suggestion: nearest(name, known),
    part: 'key',
  };
}

/** Sections on the way are made where they are missing; a list only ever has the places it has. */
function write(root: unknown, path: Path, value: string): boolean {
  const [key, ...rest] = path;
  if (key === undefined) return false;
  if (Array.isArray(root)) {
    const index = Number(key);
    if (!Number.isInteger(index) || index < 0 || index >= root.length) return false;
    if (rest.length > 0) return write(root[index], rest, value);
    root[index] = value;
    return true;
  }
  if (!isRecord(root) || key === '__proto__') return false;
  if (rest.length > 0 && ownValue(root, key) === undefined) setOwn(root, key, {});
  if (rest.length > 0) return write(ownValue(root, key), rest, value);
  setOwn(root, key, value);
  return true;
}

function byName([left]: readonly [string, unknown], [right]: readonly [string, unknown]): number {
  return left < right ? -1 : Number(left > right);
}
