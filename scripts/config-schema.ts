/**
 * Writes the JSON Schema of the configuration to `dist/config.schema.json`, for editors.
 *
 * What is not built yet is in it as "nothing is valid here", so that an editor says so too.
 */
import { mkdir, writeFile } from 'node:fs/promises';

import { configJsonSchema } from '../src/config/json-schema.ts';

const directory = new URL('../dist/', import.meta.url);
await mkdir(directory, { recursive: true });
await writeFile(new URL('config.schema.json', directory), `${JSON.stringify(configJsonSchema(), null, 2)}\n`);
