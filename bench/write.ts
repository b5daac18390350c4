/**
 * Result files: `<date>-l4.json` and `<date>-l4.md`, or `<date>-http`, `<date>-tls`; a quick run's are `<date>-l4-quick`, so that it
 * never replaces a full one.
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { markdownReport } from './report.ts';
import type { Results } from './results.ts';

/** @returns the names of the files written. */
export function writeResults(results: Results, folder: string): readonly string[] {
  const name = `${results.date}-${results.suite}${results.isQuick ? '-quick' : ''}`;
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, `${name}.json`), `${JSON.stringify(results, null, 2)}\n`);
  writeFileSync(join(folder, `${name}.md`), markdownReport(results));
  return [`bench/results/${name}.json`, `bench/results/${name}.md`];
}
