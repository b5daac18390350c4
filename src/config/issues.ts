/**
 * Zod's issues as findings: one per mistake, each in this product's words, at the innermost place.
 *
 * Read first: `schema-values.ts`, whose convention about `error` texts is read back here.
 */
import type { z } from 'zod';

import type { Finding } from './finding.ts';
import { lastPart, type Path, toPath } from './path.ts';
import { isRecord, ownValue, valueAt } from './plain.ts';
import { knownKeys, usableKeys } from './schema-walk.ts';
import { nearest } from './suggest.ts';

type Issue = z.core.$ZodIssue;

/** Everything the schema has against the value; empty when nothing. */
export function schemaFindings(schema: z.ZodType, value: unknown): readonly Finding[] {
  const result = schema.safeParse(value);
  if (result.success) return [];
  return result.error.issues
    .flatMap((issue) => flatten(issue, []))
    .flatMap(({ issue, path }) => toFindings(schema, value, issue, path));
}

interface Placed {
  readonly issue: Issue;
  readonly path: Path;
}

/** Of a union's branches the one that fits best: deepest first, then one that got past the type of the value. */
function flatten(issue: Issue, base: Path): readonly Placed[] {
  const path = [...base, ...toPath(issue.path)];
  if (issue.code !== 'invalid_union') return [{ issue, path }];
  const ranked = issue.errors
    .map((errors) => errors.flatMap((inner) => flatten(inner, path)))
    .filter((placed) => placed.length > 0)
    .map((placed) => ({ placed, fit: Math.max(...placed.map((one) => fitOf(one, path.length))) }))
    .toSorted((left, right) => right.fit - left.fit);
  const [best, second] = ranked;
  return best === undefined || best.fit === 0 || (best.fit < 1 && best.fit === second?.fit)
    ? [{ issue, path }]
    : best.placed;
}

/** Depth below the union, plus a part of a step for a value of the right type: 0 means "not meant to be this branch". */
function fitOf({ issue, path }: Placed, depth: number): number {
  const deeper = path.length - depth + (issue.code === 'unrecognized_keys' ? 1 : 0);
  switch (issue.code) {
    case 'invalid_type':
    case 'invalid_union':
    case 'invalid_value':
      return deeper;
    case 'custom':
      // With params it was written by a schema of ours that had read the value; without, it only says "not this type".
      return deeper + (issue.params === undefined ? 0 : 0.75);
    default:
      return deeper + 0.5;
  }
}

function toFindings(schema: z.ZodType, value: unknown, issue: Issue, path: Path): readonly Finding[] {
  if (issue.code === 'unrecognized_keys') return issue.keys.map((key) => unknownKey(schema, path, key));
  if (issue.code === 'invalid_key') {
    const expected = issue.issues[0]?.message ?? null;
    return [{ path, message: `${lastPart(path)} cannot be a name here`, expected, part: 'key' }];
  }
  if (issue.code === 'invalid_type' && issue.expected === 'never')
    return [{ path, message: issue.message, part: 'key' }];
  if (issue.message.endsWith('is not built yet')) return [{ path, message: issue.message }];
  if (issue.code === 'custom') return [{ path, message: issue.message, ...customParts(issue.params) }];
  return [mismatch(value, issue, path)];
}

function unknownKey(schema: z.ZodType, path: Path, key: string): Finding {
  const usable = usableKeys(schema, path);
  const where = path.length === 0 ? '' : ` in ${lastPart(path)}`;
  return {
    path: [...path, key],
    message: `unknown key${where}`,
    expected: usable.length > 0 && usable.length <= 16 ? usable.join(', ') : null,
    suggestion: nearest(key, knownKeys(schema, path)),
    part: 'key',
  };
}

function mismatch(value: unknown, issue: Issue, path: Path): Finding {
  const found = valueAt(value, path);
  const expected = issue.message;
  if (found === undefined && isMissing(value, path)) return { path, message: `${lastPart(path)} is missing`, expected };
  const suggestion =
    issue.code === 'invalid_value' && typeof found === 'string' ? nearest(found, issue.values.map(String)) : null;
  return { path, message: `this must be ${expected}`, expected, suggestion };
}

function isMissing(value: unknown, path: Path): boolean {
  const around = valueAt(value, path.slice(0, -1));
  const key = path.at(-1);
  return key !== undefined && (isRecord(around) || Array.isArray(around)) && ownValue(around, key) === undefined;
}

function customParts(params: unknown): Pick<Finding, 'expected' | 'suggestion'> {
  const expected = ownValue(params, 'expected');
  const suggestion = ownValue(params, 'suggestion');
  return {
    expected: typeof expected === 'string' ? expected : null,
    suggestion: typeof suggestion === 'string' ? suggestion : null,
  };
}
