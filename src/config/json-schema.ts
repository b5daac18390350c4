/**
 * The configuration's JSON Schema, made from the schema itself.
 */
import { z } from 'zod';

import { configSchema } from './schema.ts';

/** Draft 2020-12, of what may be written (not of what it becomes). */
export function configJsonSchema(): Readonly<Record<string, unknown>> {
  const schema = z.toJSONSchema(configSchema, {
    io: 'input',
    unrepresentable: 'any',
    override: ({ zodSchema, jsonSchema, path }) => {
      // A detector that is a function cannot be written in YAML or JSON: of its union, only the switch is left.
      if (zodSchema instanceof z.ZodCustom) jsonSchema.not = {};
      if (path.at(-1) !== 'propertyNames') allowPlaceholders(jsonSchema);
      for (const one of patternsOf(jsonSchema)) one.pattern = portable(one.pattern);
    },
  });
  return { ...schema, title: 'Sallyport configuration' };
}

/** Where text is bound to a form, it may be a placeholder instead. */
function allowPlaceholders(schema: z.core.JSONSchema.BaseSchema): void {
  if (schema.type !== 'string') return;
  // A wrapped schema comes by once for each wrapper.
  for (const one of patternsOf(schema))
    if (!one.pattern.endsWith(placeholder)) one.pattern = `(?:${one.pattern})|${placeholder}`;
  if (schema.enum === undefined) return;
  schema.anyOf = [{ enum: schema.enum }, { type: 'string', pattern: placeholder }];
  delete schema.enum;
}

interface Patterned {
  pattern: string;
}

/** A text that is bound to several forms has a list of them. */
function patternsOf(schema: z.core.JSONSchema.BaseSchema): readonly Patterned[] {
  return [schema, ...(schema.allOf ?? [])].filter(isPatterned);
}

function isPatterned(schema: z.core.JSONSchema.BaseSchema): schema is z.core.JSONSchema.BaseSchema & Patterned {
  return schema.pattern !== undefined;
}

/** Classes of Unicode need a flag that not every reader of a schema sets. */
function portable(pattern: string): string {
  return pattern.replaceAll(String.raw`\P{Cc}`, String.raw`[^\u0000-\u001f\u007f-\u009f]`);
}

const placeholder = '\\$\\{';
