/**
 * Runs vitest and counts what it says, so that several runs can be added up.
 *
 * A file that cannot be loaded has no tests to fail; it counts as one that failed.
 */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { repositoryRoot } from './generated.ts';
import { run, type RunOptions } from './processes.ts';

export interface Outcome {
  readonly passed: number;
  readonly failed: number;
  readonly skipped: number;
}

export const nothing: Outcome = { passed: 0, failed: 0, skipped: 0 };

export function add(one: Outcome, other: Outcome): Outcome {
  return {
    passed: one.passed + other.passed,
    failed: one.failed + other.failed,
    skipped: one.skipped + other.skipped,
  };
}

/** @param node the Node to run on; this one unless given. */
export async function runVitest(
  filters: readonly string[],
  options: RunOptions = {},
  node: string = process.execPath,
): Promise<Outcome> {
  const folder = mkdtempSync(join(tmpdir(), 'sallyport-test-'));
  const file = join(folder, 'results.json');
  const vitest = join(repositoryRoot, 'node_modules', 'vitest', 'vitest.mjs');
  const reporters = ['--reporter=default', '--reporter=json', `--outputFile.json=${file}`];
  try {
    const code = await run(node, [vitest, 'run', ...filters, ...reporters], options);
    const counted = countResults(readFileSync(file, 'utf8'));
    return code !== 0 && counted.failed === 0 ? add(counted, { ...nothing, failed: 1 }) : counted;
  } catch {
    return { ...nothing, failed: 1 };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** From vitest's JSON report. */
export function countResults(json: string): Outcome {
  const report: unknown = JSON.parse(json);
  const files = listIn(report, 'testResults');
  const unloadable = files.filter(
    (file) => fieldOf(file, 'status') === 'failed' && listIn(file, 'assertionResults').length === 0,
  );
  return {
    passed: countIn(report, 'numPassedTests'),
    failed: countIn(report, 'numFailedTests') + unloadable.length,
    skipped: countIn(report, 'numPendingTests') + countIn(report, 'numTodoTests'),
  };
}

function countIn(report: unknown, name: string): number {
  const count = fieldOf(report, name);
  return typeof count === 'number' ? count : 0;
}

function listIn(report: unknown, name: string): readonly unknown[] {
  const list = fieldOf(report, name);
  return Array.isArray(list) ? list : [];
}

function fieldOf(value: unknown, name: string): unknown {
  return typeof value === 'object' && value !== null ? new Map(Object.entries(value)).get(name) : undefined;
}
