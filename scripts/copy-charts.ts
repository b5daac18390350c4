/**
 * Copies the drawn statecharts to `dist/charts`, where the built command's `chart --svg` finds them.
 */
import { copyFile, mkdir, readdir } from 'node:fs/promises';

const from = new URL('../docs/statecharts/', import.meta.url);
const to = new URL('../dist/charts/', import.meta.url);
await mkdir(to, { recursive: true });
for (const name of await readdir(from)) {
  if (name.endsWith('.svg')) await copyFile(new URL(name, from), new URL(name, to));
}
