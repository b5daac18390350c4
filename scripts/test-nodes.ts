/**
 * The rings that touch real sockets (contract, wire), once more on the other Node versions that are supported.
 *
 * `npm run test:nodes` runs it alone; `npm test` runs it last. Each Node is installed from npm into node_modules/.cache;
 * where that fails the ring is skipped by name, and with CI=true a skip is a failure.
 */
import { existsSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { delimiter, dirname, join } from 'node:path';
import { isMain, repositoryRoot } from './generated.ts';
import { run } from './processes.ts';
import { add, nothing, runVitest, type Outcome } from './vitest-run.ts';

/** The oldest that is supported, and the line between it and the one the repository brings. */
const versions = { '22': '22.19.0', '24': '24.9.0' } as const;

/**
 * Tests of these rings whose outcome does not hang on the Node they run on: no socket of Node's takes part, or what is
 * asked is what stands in files, in configuration, in a store, or in the answers of a certificate authority.
 */
const independent = new Set([
  'test/contract/held-chunks.test.ts',
  'test/contract/ledger.test.ts',
  'test/contract/leg-base.test.ts',
  'test/contract/memory-leg.test.ts',
  'test/contract/memory-network.test.ts',
  'test/contract/store-file.test.ts',
  'test/integration/acme-on-demand.test.ts',
  'test/integration/acme-pebble.test.ts',
  'test/integration/acme-plans.test.ts',
  'test/integration/acme-proxy.test.ts',
  'test/integration/acme-shared.test.ts',
  'test/integration/acme-store.test.ts',
  'test/integration/acme-stub.test.ts',
  'test/integration/acme-validation.test.ts',
  'test/integration/authentication.test.ts',
  'test/integration/cli-check.test.ts',
  'test/integration/cli-tls.test.ts',
  'test/integration/cli.test.ts',
  'test/integration/config-docs.test.ts',
  'test/integration/config-load.test.ts',
  'test/integration/demo-examples.test.ts',
  'test/integration/htpasswd.test.ts',
  'test/integration/http-smuggling.test.ts',
]);

/** @throws Error when a file that is to be left out is not there any more. */
export function nodeRings(): readonly string[] {
  const all = ['contract', 'integration'].flatMap((ring) =>
    readdirSync(join(repositoryRoot, 'test', ring))
      .filter((name) => name.endsWith('.test.ts'))
      .map((name) => `test/${ring}/${name}`),
  );
  const gone = [...independent].filter((file) => !all.includes(file));
  if (gone.length > 0) throw new Error(`there is no ${gone.join(', ')}`);
  return [...all.filter((file) => !independent.has(file)), 'test/node-version.test.ts'];
}

export async function testNodes(): Promise<Outcome> {
  let total = nothing;
  console.log(`not repeated, because the Node makes no difference to them: ${[...independent].join(' ')}`);
  for (const [major, version] of Object.entries(versions)) {
    console.log(`\n== Node ${version}: contract and wire rings`);
    const node = await installNode(major, version);
    total = add(total, node === null ? skipped(version) : await runOn(node, major));
  }
  return total;
}

function runOn(node: string, major: string): Promise<Outcome> {
  // First in PATH too, for whatever a test starts by the name `node`.
  const path = [dirname(node), process.env['PATH'] ?? ''].join(delimiter);
  return runVitest(nodeRings(), { env: { ...process.env, PATH: path, SALLYPORT_NODE_RING: major } }, node);
}

function skipped(version: string): Outcome {
  const isFailure = process.env['CI'] === 'true';
  console.log(
    `skipped: the rings on Node ${version}, because npm could not install it${isFailure ? '; with CI=true that is a failure' : ''}`,
  );
  return isFailure ? { ...nothing, failed: 1 } : { ...nothing, skipped: 1 };
}

/** The path of the program, or null. */
async function installNode(major: string, version: string): Promise<string | null> {
  const folder = join(repositoryRoot, 'node_modules', '.cache', 'sallyport-nodes', major);
  const program = join(folder, 'node_modules', 'node', 'bin', process.platform === 'win32' ? 'node.exe' : 'node');
  if (await isVersion(program, version)) return program;
  mkdirSync(folder, { recursive: true });
  const manifest = { private: true, dependencies: { node: version }, allowScripts: { node: true } };
  writeFileSync(join(folder, 'package.json'), `${JSON.stringify(manifest, null, 2)}\n`);
  const args = ['install', '--no-audit', '--no-fund', '--no-package-lock', '--loglevel=error'];
  await run('npm', args, { cwd: folder, env: withoutNpm() });
  return (await isVersion(program, version)) ? program : null;
}

async function isVersion(program: string, version: string): Promise<boolean> {
  if (!existsSync(program)) return false;
  let said = '';
  const code = await run(program, ['--version'], { onOutput: (text) => (said += text) });
  return code === 0 && said.trim() === `v${version}`;
}

/** What the outer npm tells its scripts must not steer the inner one. */
function withoutNpm(): NodeJS.ProcessEnv {
  return Object.fromEntries(
    Object.entries(process.env).filter(([name]) => !/^npm_(package|lifecycle|config_local)/.test(name)),
  );
}

if (isMain(import.meta.filename)) {
  const { passed, failed, skipped: left } = await testNodes();
  console.log(`${passed} passed, ${failed} failed${left === 0 ? '' : `, ${left} skipped`}`);
  process.exitCode = failed === 0 ? 0 : 1;
}
