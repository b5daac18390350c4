/**
 * What is left of a configuration when its wrong parts are taken out.
 *
 * So the checks that look at several values at once still run, and their problems are told together with the others.
 * Read first: `resolve.ts`.
 */
import type { z } from 'zod';

import { toPath } from './path.ts';
import { isRecord, ownValue, valueAt, without } from './plain.ts';
import { type Sections, sectionsSchema } from './schema.ts';
import { type RouteDraft, routeDraftSchema } from './schema-route.ts';

export interface Draft {
  readonly sections: Sections;
  readonly routes: readonly DraftRoute[];
}

export interface DraftRoute {
  readonly index: number;
  /** As written, placeholders replaced. */
  readonly raw: unknown;
  readonly route: RouteDraft;
}

/** @param value the configuration after placeholders, environment and flags. */
export function draftOf(value: unknown): Draft {
  const list: unknown = ownValue(value, 'routes');
  const routes: readonly unknown[] = Array.isArray(list) ? list : [];
  const sections = isRecord(value) ? (without(value, ['routes']) ?? value) : {};
  return {
    sections: salvage(sectionsSchema, sections) ?? {},
    routes: routes.map((raw, index) => ({ index, raw, route: salvage(routeDraftSchema, raw) ?? {} })),
  };
}

/** Parses after removing, again and again, what the schema objects to. Null when nothing is left. */
function salvage<Output>(schema: z.ZodType<Output>, value: unknown): Output | null {
  let left: unknown = value;
  while (isRecord(left)) {
    const result = schema.safeParse(left);
    if (result.success) return result.data;
    left = remove(left, result.error.issues);
  }
  return null;
}

/** Always less than it was given: where no issue names a thing that is there, what lacks it goes. */
function remove(value: unknown, issues: readonly z.core.$ZodIssue[]): unknown {
  const paths = issues.flatMap((issue) => {
    const path = toPath(issue.path);
    return issue.code === 'unrecognized_keys' ? issue.keys.map((key) => [...path, key]) : [path];
  });
  let left = value;
  for (const path of paths) {
    if (valueAt(left, path) !== undefined) left = without(left, path);
  }
  return left === value ? without(left, paths[0] ?? []) : left;
}
