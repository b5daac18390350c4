/**
 * `npm test`: everything that must hold before a change is taken, in the order in which it is cheapest to hear of.
 *
 * The steps that are made of no tests run beside each other first. Every step runs, whatever the ones before it said. The last line is the sum: tests, and one more for each step that is
 * not made of tests and failed.
 */
import { readdirSync, readFileSync, rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { isMain, repositoryRoot } from './generated.ts';
import { run } from './processes.ts';
import { testNodes } from './test-nodes.ts';
import { add, nothing, runVitest, type Outcome } from './vitest-run.ts';

interface Step {
  readonly title: string;
  /** Where the output is kept for later, `print` takes it; otherwise it goes to the terminal. */
  readonly run: (print: Print | null) => Promise<Outcome>;
}

type Print = (text: string) => void;

/** Chains that do not need each other run beside each other; what each prints is shown when all have ended. */
const cheap: readonly (readonly Step[])[] = [
  [
    { title: 'types: tsc', run: (print) => script('types', print) },
    { title: 'lint and format: oxlint with types, oxfmt', run: (print) => script('lint', print) },
  ],
  [
    { title: 'build: tsc to dist, configuration schema', run: build },
    { title: 'package: publint, attw, knip', run: (print) => script('package', print, asBuilt) },
  ],
];

const steps: readonly Step[] = [
  { title: 'tests: every ring, seed 42', run: () => runVitest([]) },
  { title: 'tests: the properties with a seed made from the time of the commit', run: againWithNewSeed },
  { title: 'tests: the contract and wire rings on the other Node versions', run: testNodes },
];

async function check(): Promise<Outcome> {
  const beside = await Promise.all(cheap.map(takeQuietly));
  let total = nothing;
  for (const { outcome, text } of beside) {
    process.stdout.write(text);
    total = add(total, outcome);
  }
  for (const step of steps) {
    console.log(`\n== ${step.title}`);
    total = add(total, await timed(step, null, console.log));
  }
  return total;
}

async function takeQuietly(chain: readonly Step[]): Promise<{ readonly outcome: Outcome; readonly text: string }> {
  let text = '';
  let outcome = nothing;
  const print: Print = (more) => void (text += more);
  for (const step of chain) {
    print(`\n== ${step.title}\n`);
    outcome = add(outcome, await timed(step, print, (line) => print(`${line}\n`)));
  }
  return { outcome, text };
}

/** Says how long the step took: it must stay bearable. */
async function timed(step: Step, print: Print | null, say: (line: string) => void): Promise<Outcome> {
  const startMs = performance.now();
  const outcome = await step.run(print);
  say(`took ${((performance.now() - startMs) / 1000).toFixed(1)} s`);
  return outcome;
}

/** A script of package.json. Nothing is counted where it succeeds. */
async function script(name: string, print: Print | null, env: NodeJS.ProcessEnv = process.env): Promise<Outcome> {
  const options = print === null ? { env } : { env, onOutput: print };
  if ((await run('npm', ['run', '--silent', name], options)) === 0) return nothing;
  (print ?? console.log)(`failed: npm run ${name}\n`);
  return { ...nothing, failed: 1 };
}

/** The tools that pack the package take what the step before has built, instead of building it each time anew. */
const asBuilt: NodeJS.ProcessEnv = { ...process.env, npm_config_ignore_scripts: 'true' };

/** From nothing, so that a file that is gone from the source is gone from the package. */
function build(print: Print | null): Promise<Outcome> {
  rmSync(join(repositoryRoot, 'dist'), { recursive: true, force: true });
  return script('build', print);
}

/** A quarter of the usual runs, enough to meet something new every day, of the files that a seed makes any difference to. */
async function againWithNewSeed(): Promise<Outcome> {
  const files = seededFiles();
  const seed = String(await timeOfCommit());
  console.log(
    `${files.length} files; to repeat: FUZZ_SEED=${seed} FUZZ_RUNS=0.25 npx vitest run test/property test/simulation`,
  );
  const env = { ...process.env, FUZZ_SEED: seed, FUZZ_RUNS: '0.25' };
  return runVitest(files, { env });
}

/**
 * The tests under test/property and test/simulation that ask for the seed, by themselves or through what they import.
 * @throws Error when there are none, which would mean that they are not found any more.
 */
export function seededFiles(): readonly string[] {
  const asks = new Map<string, boolean>([[join(repositoryRoot, 'test', 'support', 'fuzz.ts'), true]]);
  const asksForSeed = (file: string): boolean => {
    const known = asks.get(file);
    if (known !== undefined) return known;
    asks.set(file, false);
    const imports = [...readFileSync(file, 'utf8').matchAll(/from '(\.[^']+\.ts)'/g)];
    const found = imports.some(([, path = '']) => {
      const imported = join(dirname(file), path);
      return imported.startsWith(join(repositoryRoot, 'test')) && asksForSeed(imported);
    });
    asks.set(file, found);
    return found;
  };
  const files = ['property', 'simulation'].flatMap((ring) =>
    readdirSync(join(repositoryRoot, 'test', ring))
      .filter((name) => name.endsWith('.test.ts') && asksForSeed(join(repositoryRoot, 'test', ring, name)))
      .map((name) => `test/${ring}/${name}`),
  );
  if (files.length === 0) throw new Error('no test asks for the seed');
  return files;
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
