/**
 * `npm run bench`: Sallyport beside HAProxy, nginx and proxies in Node, on this machine, in interleaved rounds.
 *
 * Decides: the order of things and what is done when one of them fails (a subject that is missing or breaks is a word in
 * the table, never the end of the run). Must never do: leave the loopback interface, or a process behind.
 * Read first: `suite.ts`, then `l4-suite.ts` with `workloads.ts` and `load/load.c`, or `http/http-suite.ts`, or
 * `tls/tls-suite.ts`.
 */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { canPin } from './children.ts';
import { Bench } from './bench.ts';
import { machineFacts } from './machine.ts';
import { parseOptions, usage, type Options } from './options.ts';
import { terminalReport } from './report.ts';
import { resultsSchema, type Results } from './results.ts';
import { writeResults } from './write.ts';

/** Longer than any run that goes well: then something hangs, and the run ends. */
function hardLimitMs({ budgetMs, isQuick }: Options): number {
  return budgetMs + (isQuick ? 60_000 : 120_000);
}

async function measure(options: Options): Promise<Results> {
  if (process.platform !== 'linux') throw new Error('it reads /proc and pins cores: it runs on Linux only');
  const limit = setTimeout(() => fail('it took too long and was ended'), hardLimitMs(options));
  const folder = mkdtempSync(join(tmpdir(), 'sallyport-bench-'));
  process.once('exit', () => rmSync(folder, { recursive: true, force: true }));
  const startedMs = Date.now();
  const isPinned = canPin();
  const bench = new Bench(options, folder, isPinned);
  const machine = machineFacts(bench.generator.kind, isPinned);
  try {
    const measured = await bench.run();
    const seconds = Math.round((Date.now() - startedMs) / 1000);
    return {
      format: 1,
      suite: options.suite.id,
      date: new Date().toISOString().slice(0, 10),
      machine,
      seconds,
      notes: options.notes,
      ...measured,
    };
  } finally {
    await bench.stop();
    clearTimeout(limit);
  }
}

function renderAgain(file: string, notes: string): Results {
  const results = resultsSchema.parse(JSON.parse(readFileSync(file, 'utf8')));
  return notes === '' ? results : { ...results, notes };
}

function textOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

function fail(message: string): never {
  process.stderr.write(`bench: ${message}\n`);
  process.exit(1);
}

/** @returns the exit code. */
async function main(args: readonly string[]): Promise<number> {
  if (args.includes('--help')) {
    process.stdout.write(`${usage}\n`);
    return 0;
  }
  let options: Options;
  try {
    options = parseOptions(args);
  } catch (error) {
    process.stderr.write(`bench: ${textOf(error)}\n\n${usage}\n`);
    return 2;
  }
  const results = options.render === null ? await measure(options) : renderAgain(options.render, options.notes);
  process.stdout.write(`${terminalReport(results)}\n`);
  if (options.folder !== null) process.stdout.write(`\nwritten: ${writeResults(results, options.folder).join(', ')}\n`);
  return 0;
}

try {
  process.exit(await main(process.argv.slice(2)));
} catch (error) {
  fail(textOf(error));
}
