/**
 * The schema of what a request may be matched on: path, method, headers, query. A route and a target take the same.
 *
 * Read first: `../routing/match-path.ts` and `../routing/match-value.ts`, which say what the patterns are.
 */
import { z } from 'zod';

import { methodProblem } from '../protocols/http/validate.ts';
import { parsePathPattern } from '../routing/match-path.ts';
import { headerNameProblem, parseValuePattern } from '../routing/match-value.ts';
import { oneOrMany } from './schema-values.ts';

const pathExpected = 'a path such as /health, /users/:id or /files/*';
const path = z.string({ error: pathExpected }).transform((text, context) => {
  const wrong = parsePathPattern(text);
  if (wrong === null) return text;
  const suggestion = !text.startsWith('/') && parsePathPattern(`/${text}`) === null ? `/${text}` : null;
  context.addIssue({ code: 'custom', message: `this ${wrong}`, params: { expected: pathExpected, suggestion } });
  return z.NEVER;
});

const methodExpected = 'a method such as GET';
const method = z.string({ error: methodExpected }).transform((text, context) => {
  const refusal = wrongMethod(text);
  if (refusal === null) return text;
  context.addIssue({ code: 'custom', message: refusal.message, params: { expected: methodExpected, ...refusal } });
  return z.NEVER;
});

function wrongMethod(text: string): { readonly message: string; readonly suggestion: string | null } | null {
  const problem = methodProblem(text);
  if (problem?.status === 405) return { message: `this cannot be matched: ${problem.detail}`, suggestion: null };
  if (problem !== null) return { message: 'this is not a method', suggestion: null };
  if (!/[a-z]/.test(text)) return null;
  return { message: 'the case of a method matters, and methods are upper case', suggestion: text.toUpperCase() };
}

const valueExpected = 'text: exact, a glob such as a*, or /a regular expression/';
const valuePattern = z
  .string({
    error: ({ input }) =>
      typeof input === 'number' || typeof input === 'boolean'
        ? `${valueExpected}; in quotes: "${String(input)}"`
        : valueExpected,
  })
  .transform((text, context) => {
    const wrong = parseValuePattern(text);
    if (wrong === null) return text;
    context.addIssue({ code: 'custom', message: `this ${wrong}`, params: { expected: valueExpected } });
    return z.NEVER;
  });

const headers = z
  .record(z.string(), valuePattern, { error: 'an object of header fields, such as { x-tenant: "/^a/" }' })
  .check((context) => {
    const seen = new Set<string>();
    for (const name of Object.keys(context.value)) {
      const message = headerProblem(name, seen);
      seen.add(name.toLowerCase());
      if (message !== null)
        context.issues.push({ code: 'custom', message, params: {}, input: context.value, path: [name] });
    }
  });

function headerProblem(name: string, seen: ReadonlySet<string>): string | null {
  if (seen.has(name.toLowerCase())) return `${name.toLowerCase()} stands twice; names of fields have no case`;
  const wrong = headerNameProblem(name);
  return wrong === null ? null : `this ${wrong}`;
}

const query = z.record(z.string().min(1, { error: 'the name of a query parameter' }), valuePattern, {
  error: 'an object of query parameters, such as { v: "2" }',
});

export const httpMatchShape = {
  path: path
    .meta({ description: 'The path of the request: exact, with :params, and with * at the end for the rest.' })
    .optional(),
  headers: headers
    .meta({ description: 'Header fields: exact text, a glob, or /a regular expression/; all of them.' })
    .optional(),
  method: oneOrMany(method, 'a method or a list of them')
    .meta({ description: 'Methods of the request; any of them.' })
    .optional(),
  query: query
    .meta({ description: 'Query parameters: exact text, a glob, or /a regular expression/; all of them.' })
    .optional(),
};

/** The match of one target. */
export const targetMatchSchema = z.strictObject(httpMatchShape, {
  error: 'an object of path, headers, method and query',
});

export type HttpMatchInput = z.output<typeof targetMatchSchema>;
