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
    },
  });
  return { ...schema, title: 'Sallyport configuration' };
}

/** Where text is bound to a form, it may be a placeholder instead. */
function allowPlaceholders(schema: z.core.JSONSchema.BaseSchema): void {
  if (schema.type !== 'string') return;
  // A wrapped schema comes by once for each wrapper.
  if (schema.pattern?.endsWith(placeholder) === false) schema.pattern = `(?:${schema.pattern})|${placeholder}`;
  if (schema.enum === undefined) return;
  schema.anyOf = [{ enum: schema.enum }, { type: 'string', pattern: placeholder }];
  delete schema.enum;
}

const placeholder = '\\$\\{';
