/**
 * The HTTP part of a route's plan, out of a configuration in which nothing is wrong: match, rewrite, authentication.
 *
 * Decides: the defaults. Read first: `../routing/http-plan.ts`.
 */
import { resolve } from 'node:path';

import type { AuthenticationPlan, FieldRewrite, HttpMatch, RewritePlan, ValueCriterion } from '../routing/http-plan.ts';
import type { HttpMatchInput } from './schema-http-match.ts';
import type { RewriteInput } from './schema-rewrite.ts';
import { Credential } from './credential.ts';
import type { AuthenticationInput } from './schema-security.ts';
import { jwtAlgorithmsDefault } from '../routing/jwt-algorithms.ts';

/** What a browser shows where a configuration names nothing. */
const realmDefault = 'sallyport';

export function httpMatchPlan({ path, method, headers, query }: HttpMatchInput): HttpMatch {
  return {
    path: path ?? null,
    methods: method ?? null,
    headers: criteria(headers, (name) => name.toLowerCase()),
    query: criteria(query, (name) => name),
  };
}

function criteria(
  written: Readonly<Record<string, string>> | undefined,
  nameOf: (name: string) => string,
): readonly ValueCriterion[] {
  return Object.entries(written ?? {}).map(([name, pattern]) => ({ name: nameOf(name), pattern }));
}

export function rewritePlan(rewrite: RewriteInput | undefined): RewritePlan | null {
  if (rewrite === undefined) return null;
  return {
    stripPrefix: rewrite.stripPrefix ?? null,
    path: rewrite.path ?? null,
    request: fieldRewrite(rewrite.headers),
    response: fieldRewrite(rewrite.response?.headers),
  };
}

function fieldRewrite(written: RewriteInput['headers']): FieldRewrite {
  return { set: fieldsOf(written?.set), remove: written?.remove ?? [] };
}

/** Name, value, name, value … */
export function fieldsOf(written: Readonly<Record<string, readonly string[]>> | undefined): readonly string[] {
  return Object.entries(written ?? {}).flatMap(([name, values]) => values.flatMap((value) => [name, value]));
}

/** @param around what paths are relative to, and the place of what was written. */
export function authenticationPlan(
  written: AuthenticationInput | undefined,
  { folder, configPath }: { readonly folder: string; readonly configPath: string },
): AuthenticationPlan | null {
  if (written === undefined) return null;
  const forwardCredentials = written.forward ?? false;
  if (written.type === 'basic') {
    return {
      type: 'basic',
      realm: written.realm ?? realmDefault,
      credentials: (written.credentials ?? []).map((one) => new Credential(one)),
      htpasswd: written.htpasswd === undefined ? null : { path: resolve(folder, written.htpasswd), configPath },
      forwardCredentials,
    };
  }
  return {
    type: 'jwt',
    jwksUrl: written.jwksUrl ?? '',
    issuer: written.issuer ?? null,
    audience: written.audience ?? null,
    algorithms: written.algorithms ?? jwtAlgorithmsDefault,
    forwardCredentials,
  };
}
