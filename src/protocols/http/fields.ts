/**
 * Reading and rewriting the fields of a head.
 *
 * Decides nothing; names are compared without regard to case. Must never do: change an array that it was given.
 */
import type { Fields } from './message.ts';

/** True exactly when the names are the same but for the case of ASCII letters. @param lower in lower case. */
export function isNamed(name: string, lower: string): boolean {
  if (name === lower) return true;
  if (name.length !== lower.length) return false;
  for (let index = 0; index < lower.length; index += 1) {
    const code = name.charCodeAt(index);
    const folded = code >= 0x41 && code <= 0x5a ? code + 0x20 : code;
    if (folded !== lower.charCodeAt(index)) return false;
  }
  return true;
}

/** The first value; null when there is no such field. @param lower the name in lower case. */
export function fieldValue(fields: Fields, lower: string): string | null {
  for (let index = 0; index < fields.length; index += 2) {
    if (isNamed(fields[index] ?? '', lower)) return fields[index + 1] ?? '';
  }
  return null;
}

/** All values in order. @param lower the name in lower case. */
export function fieldValues(fields: Fields, lower: string): readonly string[] {
  const values: string[] = [];
  for (let index = 0; index < fields.length; index += 2) {
    if (isNamed(fields[index] ?? '', lower)) values.push(fields[index + 1] ?? '');
  }
  return values;
}

/** True exactly when there are two field lines of the name or more. @param lower the name in lower case. */
export function hasSeveral(fields: Fields, lower: string): boolean {
  let count = 0;
  for (let index = 0; index < fields.length; index += 2) {
    if (isNamed(fields[index] ?? '', lower)) count += 1;
  }
  return count > 1;
}

/** What a rewrite of the configuration asks for; `FieldRewrite` of `routing/http-plan.ts` has this shape. */
export interface FieldChange {
  /** Name, value, name, value. What was there under these names goes. */
  readonly set: Fields;
  /** In lower case. */
  readonly remove: readonly string[];
}

/** The fields without what is removed or replaced, and what is set behind them; the same array when nothing changes. */
export function rewriteFields(fields: Fields, change: FieldChange): Fields {
  if (change.set.length === 0 && change.remove.length === 0) return fields;
  const gone = new Set(change.remove);
  for (let index = 0; index < change.set.length; index += 2) gone.add((change.set[index] ?? '').toLowerCase());
  const kept: string[] = [];
  for (let index = 0; index < fields.length; index += 2) {
    const name = fields[index] ?? '';
    if (!gone.has(name.toLowerCase())) kept.push(name, fields[index + 1] ?? '');
  }
  kept.push(...change.set);
  return kept;
}
