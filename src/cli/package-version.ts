/**
 * The version that `--version` prints, read from the package's own file.
 */
import { readFileSync } from 'node:fs';

/** `0.1.0`; package.json lies two folders up, from `src/cli` as from `dist/cli`. */
export function packageVersion(): string {
  const text = readFileSync(new URL('../../package.json', import.meta.url), 'utf8');
  const parsed: unknown = JSON.parse(text);
  const isNamed = typeof parsed === 'object' && parsed !== null && 'version' in parsed;
  return isNamed && typeof parsed.version === 'string' ? parsed.version : 'unknown';
}
