/**
 * Questions about the schema itself: which keys are known at a path, and which scalars it has.
 *
 * Read first: `schema.ts`.
 */
import { z } from 'zod';

import type { Path } from './path.ts';

/** The keys that may be used in the object at a path; what is not built yet is left out. Empty where there is no object. */
export function usableKeys(schema: z.core.$ZodType, path: Path): readonly string[] {
  const entries = objectsAt(schema, path).flatMap((one) => Object.entries(shapeOf(one)));
  return entries.filter(([, child]) => !branches(child).every((one) => one instanceof z.ZodNever)).map(([key]) => key);
}

/** The keys the schema knows in the object at a path, built or not. */
export function knownKeys(schema: z.core.$ZodType, path: Path): readonly string[] {
  return objectsAt(schema, path).flatMap((one) => Object.keys(shapeOf(one)));
}

/** Every path to a single value; `*` stands for any name in a section whose names are free. Lists are left out. */
export function scalarPaths(schema: z.core.$ZodType): readonly (readonly string[])[] {
  return branches(schema)
    .flatMap((one): readonly (readonly string[])[] => {
      if (one instanceof z.ZodObject) {
        return Object.entries(shapeOf(one)).flatMap(([key, child]) => scalarPaths(child).map((path) => [key, ...path]));
      }
      if (one instanceof z.ZodRecord) return scalarPaths(one.valueType).map((path) => ['*', ...path]);
      return one instanceof z.ZodArray ? [] : [[]];
    })
    .filter(isFirst);
}

function isFirst(path: readonly string[], index: number, all: readonly (readonly string[])[]): boolean {
  return all.findIndex((other) => other.join('.') === path.join('.')) === index;
}

function below(schema: z.core.$ZodType, key: string | number): readonly z.core.$ZodType[] {
  return branches(schema).flatMap((one) => {
    if (one instanceof z.ZodObject) {
      const child = Object.entries(shapeOf(one)).find(([name]) => name === key)?.[1];
      return child === undefined ? [] : [child];
    }
    if (one instanceof z.ZodRecord) return [one.valueType];
    return one instanceof z.ZodArray ? [one.element] : [];
  });
}

function shapeOf(schema: z.ZodObject): Readonly<Record<string, z.core.$ZodType>> {
  return schema.shape;
}

function objectsAt(schema: z.core.$ZodType, path: Path): readonly z.ZodObject[] {
  let schemas: readonly z.core.$ZodType[] = [schema];
  for (const key of path) schemas = schemas.flatMap((one) => below(one, key));
  return schemas.flatMap((one) => branches(one)).filter((one) => one instanceof z.ZodObject);
}

/** The schema without its wrappers; each branch of a union by itself. */
function branches(schema: z.core.$ZodType): readonly z.core.$ZodType[] {
  if (schema instanceof z.ZodOptional) return branches(schema.unwrap());
  if (schema instanceof z.ZodPipe) return branches(schema.in);
  if (schema instanceof z.ZodUnion) return schema.options.flatMap((option) => branches(option));
  return [schema];
}
