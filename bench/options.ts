/**
 * The bench's command line. Every duration follows from `--quick` and `--rounds`, and every run is bounded.
 */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { httpSuite } from './http/http-suite.ts';
import { l4Suite } from './l4-suite.ts';
import type { SubjectId } from './subjects.ts';
import type { Suite } from './suite.ts';
import { tlsSuite } from './tls/tls-suite.ts';

export interface Options {
  readonly suite: Suite;
  readonly isQuick: boolean;
  readonly rounds: number;
  readonly warmMs: number;
  readonly windowMs: number;
  /** How long a process is left alone before its memory is looked at. */
  readonly settleMs: number;
  /** Further rounds are left out once this has passed. */
  readonly budgetMs: number;
  readonly subjects: readonly SubjectId[];
  readonly notes: string;
  readonly logLevel: string;
  readonly generator: 'c' | 'node';
  /** Where results are written; null writes nothing. */
  readonly folder: string | null;
  /** A result file to print and write again, with other notes, instead of measuring. */
  readonly render: string | null;
}

const suites = [l4Suite, httpSuite, tlsSuite];

export const usage = `npm run bench -- [l4|http|tls] [options]
  l4                   bytes, the default; about three minutes
  http                 HTTP/1.1, HTTP/2 and WebSocket; about five minutes
  tls                  handshakes, bulk and HTTPS; about four minutes
  --quick              one short round, at most a minute
  --rounds <n>         interleaved rounds (3)
  --only <a,b>         only these subjects, printed and not written:${suites.map(({ id, subjects }) => `\n                       ${id}: ${subjects.join(', ')}`).join('')}
  --notes <text|file>  for the section "What is worse than expected, and why"
  --render <file>      write the page of an earlier result again, with --notes, and measure nothing
  --log-level <level>  of sallyport (warn: like the peers, no line per connection; info: its default)
  --generator c|node   the load generator (c where there is a compiler)
  --no-write           only print`;

/** @throws Error whose message says what is wrong with the command line. */
export function parseOptions(args: readonly string[]): Options {
  const { values, positionals } = parseArgs({
    args: [...args],
    allowPositionals: true,
    options: {
      quick: { type: 'boolean', default: false },
      rounds: { type: 'string' },
      only: { type: 'string' },
      notes: { type: 'string', default: '' },
      render: { type: 'string' },
      'log-level': { type: 'string', default: 'warn' },
      generator: { type: 'string', default: 'c' },
      'no-write': { type: 'boolean', default: false },
    },
  });
  const suite = suiteOf(positionals);
  const isQuick = values.quick;
  const rounds = values.rounds === undefined ? (isQuick ? 1 : 3) : Number(values.rounds);
  if (!Number.isInteger(rounds) || rounds < 1)
    throw new Error(`--rounds: expected a whole number, got ${values.rounds}`);
  return {
    suite,
    isQuick,
    rounds,
    warmMs: isQuick ? 250 : 400,
    windowMs: isQuick ? 700 : 2_000,
    settleMs: isQuick ? 500 : 1_500,
    budgetMs: suite.roundSeconds * (isQuick ? 500 : 1_000) * rounds,
    subjects: chosen(suite, values.only),
    notes: textOf(values.notes),
    logLevel: values['log-level'],
    generator: values.generator === 'node' ? 'node' : 'c',
    folder: values['no-write'] || values.only !== undefined ? null : join(import.meta.dirname, 'results'),
    render: values.render ?? null,
  };
}

function suiteOf([name = l4Suite.id, ...more]: readonly string[]): Suite {
  const suite = suites.find(({ id }) => id === name);
  if (suite === undefined || more.length > 0)
    throw new Error(`expected one of ${suites.map(({ id }) => id).join(', ')}, got ${[name, ...more].join(' ')}`);
  return suite;
}

function chosen({ subjects }: Suite, only: string | undefined): readonly SubjectId[] {
  if (only === undefined) return subjects;
  const names = only.split(',');
  const unknown = names.filter((name) => !subjects.some((id) => id === name));
  if (unknown.length > 0) throw new Error(`--only: expected ${subjects.join(', ')}, got ${unknown.join(', ')}`);
  return subjects.filter((id) => names.includes(id));
}

/** The content of a file of that name, else the text itself. */
function textOf(notes: string): string {
  return existsSync(notes) ? readFileSync(notes, 'utf8') : notes;
}
