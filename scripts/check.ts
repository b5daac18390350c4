/**
 * `npm test`: everything that must hold before a change is taken, in the order in which it is cheapest to hear of.
 *
 * Every step runs, whatever the ones before it said. The last line is the sum: tests, and one more for each step that is
 * not made of tests and failed.
 */
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { isMain, repositoryRoot } from './generated.ts';
import { run } from './processes.ts';
import { testNodes } from './test-nodes.ts';
import { add, nothing, runVitest, type Outcome } from './vitest-run.ts';

interface Step {
  readonly title: string;
  readonly run: () => Promise<Outcome>;
}

const steps: readonly Step[] = [
  { title: 'types: tsc', run: () => script('types') },
  { title: 'lint and format: oxlint with types, oxfmt', run: () => script('lint') },
  { title: 'build: tsc to dist, configuration schema', run: build },
  { title: 'package: publint, attw, knip', run: () => script('package') },
  { title: 'tests: every ring, seed 42', run: () => runVitest([]) },
  { title: 'tests: the properties with a seed made from the time of the commit', run: againWithNewSeed },
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

/** A script of package.json. Nothing is counted where it succeeds. */
async function script(name: string): Promise<Outcome> {
  if ((await run('npm', ['run', '--silent', name])) === 0) return nothing;
  console.log(`failed: npm run ${name}`);
  return { ...nothing, failed: 1 };
}

/** From nothing, so that a file that is gone from the source is gone from the package. */
function build(): Promise<Outcome> {
  rmSync(join(repositoryRoot, 'dist'), { recursive: true, force: true });
  return script('build');
}

/** A quarter of the usual runs: enough to meet something new every day. */
async function againWithNewSeed(): Promise<Outcome> {
  const seed = String(await timeOfCommit());
  console.log(`FUZZ_SEED=${seed} FUZZ_RUNS=0.25 npx vitest run test/property test/simulation`);
  const env = { ...process.env, FUZZ_SEED: seed, FUZZ_RUNS: '0.25' };
  return runVitest(['test/property', 'test/simulation'], { env });
}

/**
 * Seconds since 1970 of the commit that is tested, so that each commit meets histories of its own and a failure comes
 * back when the same commit is tested again; of now where there is no repository.
 */
async function timeOfCommit(): Promise<number> {
  let text = '';
  await run('git', ['log', '-1', '--format=%ct'], { onOutput: (output) => (text += output) });
  const seconds = Number.parseInt(text, 10);
  return Number.isInteger(seconds) ? seconds : Math.trunc(Date.now() / 1000);
}

if (isMain(import.meta.filename)) {
  const { passed, failed, skipped } = await check();
  console.log(`\n${passed} passed, ${failed} failed${skipped === 0 ? '' : `, ${skipped} skipped`}`);
  process.exitCode = failed === 0 ? 0 : 1;
}
