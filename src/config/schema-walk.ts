/**
 * Questions about the schema itself: which keys are known at a path, and which scalars it has.
 *
 * Read first: `schema.ts`.
 */
import { z } from 'zod';

import type { Path } from './path.ts';

/** The keys the schema knows in the object at a path; empty where there is no object. */
export function knownKeys(schema: z.core.$ZodType, path: Path): readonly string[] {
  const found = path.reduce<readonly z.core.$ZodType[]>((schemas, key) => schemas.flatMap((one) => below(one, key)), [schema]);
  return found.flatMap((one) => objectsOf(one)).flatMap((one) => Object.keys(one.shape));
}

/** Every path to a single value; `*` stands for any name in a section whose names are free. Lists are left out. */
export function scalarPaths(schema: z.core.$ZodType): readonly (readonly string[])[] {
  return branches(schema).flatMap((one): readonly (readonly string[])[] => {
    if (one instanceof z.ZodObject) {
      return Object.entries(one.shape).flatMap(([key, child]) => scalarPaths(child).map((path) => [key, ...path]));
    }
    if (one instanceof z.ZodRecord) return scalarPaths(one.valueType).map((path) => ['*', ...path]);
    return one instanceof z.ZodArray ? [] : [[]];
  }).filter(isFirst);
}

function isFirst(path: readonly string[], index: number, all: readonly (readonly string[])[]): boolean {
  return all.findIndex((other) => other.join('.') === path.join('.')) === index;
}

function below(schema: z.core.$ZodType, key: string | number): readonly z.core.$ZodType[] {
  return branches(schema).flatMap((one) => {
    if (one instanceof z.ZodObject) {
      const child = Object.hasOwn(one.shape, key) ? one.shape[key] : undefined;
      return child === undefined ? [] : [child];
    }
    if (one instanceof z.ZodRecord) return [one.valueType];
    return one instanceof z.ZodArray ? [one.element] : [];
  });
}

function objectsOf(schema: z.core.$ZodType): readonly z.ZodObject[] {
  return branches(schema).filter((one) => one instanceof z.ZodObject);
}

/** The schema without its wrappers; each branch of a union by itself. */
function branches(schema: z.core.$ZodType): readonly z.core.$ZodType[] {
  if (schema instanceof z.ZodOptional || schema instanceof z.ZodReadonly) return branches(schema.unwrap());
  if (schema instanceof z.ZodPipe) return branches(schema.in);
  if (schema instanceof z.ZodUnion) return schema.options.flatMap((option) => branches(option));
  return [schema];
}
