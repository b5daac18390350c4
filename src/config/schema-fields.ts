/**
 * The schema of header fields: names, values, and what is set and removed by a rewrite.
 *
 * Decides: which fields a configuration may touch. Framing and hop-by-hop fields are none of them, because they are the
 * codec's own; a value holds nothing that could begin another line.
 * Read first: `../protocols/http/validate.ts`, which writers check by as well.
 */
import { z } from 'zod';

import { isAuthority } from '../protocols/http/authority.ts';
import { fieldProblem, nameProblem, valueProblem } from '../protocols/http/validate.ts';
import { oneOrMany } from './schema-values.ts';

export type FieldUse = 'setRequest' | 'setResponse' | 'remove';

/** Why a field cannot be touched so, as a sentence; null when it can. */
export function fieldNameProblem(name: string, use: FieldUse): string | null {
  const lowerCase = name.toLowerCase();
  if (name.length > nameCharsMax || nameProblem(name) !== null) return 'this is not the name of a header field';
  if (lowerCase === 'host' && use === 'setRequest') return null;
  if (lowerCase === 'host')
    return use === 'remove' ? 'host cannot be removed: every request has one' : 'host is a field of requests only';
  return lowerCase === 'trailer' || fieldProblem(name, '') !== null
    ? `${lowerCase} cannot be set or removed: it frames the message or is about one connection`
    : null;
}

const nameCharsMax = 128;

/** What is wrong with the value of a field, as a sentence; null when nothing is. */
export function fieldValueProblem(text: string): string | null {
  return valueProblem(text)?.detail ?? (/[^\t\u0020-\u007e]/.test(text) ? 'the value of a field is ASCII text' : null);
}

const valueExpected = 'the text of a header field';
const fieldValue = z.string({ error: valueExpected }).check((context) => {
  const message = fieldValueProblem(context.value);
  if (message !== null)
    context.issues.push({ code: 'custom', message, params: { expected: valueExpected }, input: context.value });
});

/** Names and values: one field for each value. A name stands once, whatever its case. */
export function fieldsSchema(use: 'setRequest' | 'setResponse') {
  const error = 'an object of header fields, such as { x-served-by: api }';
  return z
    .record(z.string(), oneOrMany(fieldValue, `${valueExpected}, or a list of them`), { error })
    .check((context) => {
      const seen = new Set<string>();
      for (const [name, values] of Object.entries(context.value)) {
        const problem = seen.has(name.toLowerCase())
          ? `${name.toLowerCase()} stands twice; names of fields have no case`
          : (fieldNameProblem(name, use) ?? hostProblem(name, values));
        seen.add(name.toLowerCase());
        if (problem !== null)
          context.issues.push({ code: 'custom', message: problem, params: {}, input: context.value, path: [name] });
      }
    });
}

function hostProblem(name: string, values: readonly string[]): string | null {
  const isWrong = name.toLowerCase() === 'host' && (values.length !== 1 || !isAuthority(values[0] ?? ''));
  return isWrong ? 'a request has one host: a name or an address, and a port where it needs one' : null;
}

const removedExpected = 'the name of a header field, or a list of them';
const removedName = z.string({ error: removedExpected }).transform((text, context) => {
  const message = fieldNameProblem(text, 'remove');
  if (message === null) return text.toLowerCase();
  context.addIssue({ code: 'custom', message, params: { expected: removedExpected } });
  return z.NEVER;
});

/** `{ set, remove }`. */
export function fieldRewriteSchema(use: 'setRequest' | 'setResponse') {
  return z.strictObject(
    {
      set: fieldsSchema(use)
        .meta({ description: 'Fields that are set, instead of whatever was there under their names.' })
        .optional(),
      remove: oneOrMany(removedName, removedExpected).meta({ description: 'Fields that are taken out.' }).optional(),
    },
    { error: 'an object { set, remove }' },
  );
}
