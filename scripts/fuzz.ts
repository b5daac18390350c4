/**
 * `npm run fuzz -- --minutes 30`: the properties again and again, each time with a new seed, until the time is over.
 *
 * A seed that fails is printed and kept in fuzz-failures/, with everything the run said; the fuzzing goes on.
 * A round takes about a minute. `--runs 10` makes every property ten times as long; other arguments choose test files.
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { isMain, repositoryRoot } from './generated.ts';
import { runVitest } from './vitest-run.ts';

const failuresMax = 20;

async function fuzz(minutes: number, factor: number, filters: readonly string[]): Promise<number> {
  const endMs = Date.now() + minutes * 60_000;
  let rounds = 0;
  let failures = 0;
  for (; (Date.now() < endMs || rounds === 0) && failures < failuresMax; rounds += 1) {
    const seed = String(Date.now() % 2_147_483_647);
    const replay = `FUZZ_SEED=${seed} FUZZ_RUNS=${factor} npx vitest run ${filters.join(' ')}`;
    let said = '';
    const env = { ...process.env, FUZZ_SEED: seed, FUZZ_RUNS: String(factor), CI: 'false', NO_COLOR: '1' };
    const { passed, failed } = await runVitest([...filters, '--testTimeout=600000'], {
      env,
      onOutput: (text) => (said += text),
    });
    console.log(`seed ${seed}: ${passed} passed, ${failed} failed`);
    if (failed === 0) continue;
    failures += 1;
    keep(seed, `${replay}\n\n${said}`);
    console.log(`  replay: ${replay}`);
  }
  console.log(`${rounds} rounds, ${failures} failing seeds`);
  return failures;
}

function keep(seed: string, text: string): void {
  const folder = join(repositoryRoot, 'fuzz-failures');
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, `${seed}.txt`), text);
}

function positive(name: string, text: string): number {
  const value = Number(text);
  if (!Number.isFinite(value) || value <= 0) throw new Error(`--${name} is not a positive number: ${text}`);
  return value;
}

if (isMain(import.meta.filename)) {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: { minutes: { type: 'string', default: '10' }, runs: { type: 'string', default: '1' } },
  });
  const filters = positionals.length === 0 ? ['test/property', 'test/simulation'] : positionals;
  const failures = await fuzz(positive('minutes', values.minutes), positive('runs', values.runs), filters);
  process.exitCode = failures === 0 ? 0 : 1;
}
