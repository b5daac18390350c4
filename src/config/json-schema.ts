/**
 * The configuration's JSON Schema, made from the schema itself.
 */
import { z } from 'zod';

import { configSchema } from './schema.ts';

/** Draft 2020-12, of what may be written (not of what it becomes). */
export function configJsonSchema(): Readonly<Record<string, unknown>> {
  // A detector that is a function cannot be written in YAML or JSON: of its union, only the switch is left.
  const schema = z.toJSONSchema(configSchema, {
    io: 'input',
    unrepresentable: 'any',
    override: ({ zodSchema, jsonSchema }) => {
      if (zodSchema instanceof z.ZodCustom) jsonSchema.not = {};
    },
  });
  return { ...schema, title: 'Sallyport configuration' };
}
