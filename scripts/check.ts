/**
 * `npm test`: everything that must hold before a change is taken, in the order in which it is cheapest to hear of.
 *
 * Every step runs, whatever the ones before it said. The last line is the sum: tests, and one more for each step that is
 * not made of tests and failed.
 */
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { isMain, repositoryRoot } from './generated.ts';
import { run, tool } from './processes.ts';
import { testNodes } from './test-nodes.ts';
import { add, nothing, runVitest, type Outcome } from './vitest-run.ts';

interface Step {
  readonly title: string;
  readonly run: () => Promise<Outcome>;
}

const steps: readonly Step[] = [
  { title: 'types: tsc', run: () => tools(['tsc', '-p', 'tsconfig.json']) },
  { title: 'lint: oxlint with types', run: () => tools(['oxlint', '--type-aware', '--deny-warnings']) },
  { title: 'format: oxfmt', run: () => tools(['oxfmt', '--check']) },
  { title: 'build: tsc to dist, configuration schema', run: build },
  {
    title: 'package: publint, attw, knip',
    run: () => tools(['publint'], ['attw', '--pack', '.', '--profile', 'esm-only'], ['knip', '--no-progress']),
  },
  { title: 'tests: every ring, seed 42', run: () => runVitest([]) },
  { title: 'tests: the properties with a seed made from the time', run: againWithNewSeed },
  { title: 'tests: the contract and wire rings on the other Node versions', run: testNodes },
];

async function check(): Promise<Outcome> {
  let total = nothing;
  for (const { title, run: take } of steps) {
    console.log(`\n== ${title}`);
    total = add(total, await take());
  }
  return total;
}

/** Each a program of a dependency; all are run. Nothing is counted where they succeed. */
async function tools(...commands: readonly (readonly [name: string, ...args: string[]])[]): Promise<Outcome> {
  let failed = 0;
  for (const [name, ...args] of commands) {
    if ((await run(tool(name), args)) === 0) continue;
    console.log(`failed: ${[name, ...args].join(' ')}`);
    failed += 1;
  }
  return { ...nothing, failed };
}

async function build(): Promise<Outcome> {
  rmSync(join(repositoryRoot, 'dist'), { recursive: true, force: true });
  const compiled = await tools(['tsc', '-p', 'tsconfig.build.json']);
  if ((await run(process.execPath, ['scripts/config-schema.ts'])) === 0) return compiled;
  console.log('failed: scripts/config-schema.ts');
  return add(compiled, { ...nothing, failed: 1 });
}

/** A quarter of the usual runs: enough to meet something new every day. */
async function againWithNewSeed(): Promise<Outcome> {
  const seed = String(Date.now() % 2_147_483_647);
  console.log(`FUZZ_SEED=${seed} FUZZ_RUNS=0.25 npx vitest run test/property test/simulation`);
  const env = { ...process.env, FUZZ_SEED: seed, FUZZ_RUNS: '0.25' };
  return runVitest(['test/property', 'test/simulation'], { env });
}

if (isMain(import.meta.filename)) {
  const { passed, failed, skipped } = await check();
  console.log(`\n${passed} passed, ${failed} failed${skipped === 0 ? '' : `, ${skipped} skipped`}`);
  process.exitCode = failed === 0 ? 0 : 1;
}
