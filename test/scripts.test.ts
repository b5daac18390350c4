/**
 * Ring 0: the scripts that judge everything else count rightly.
 *
 * A check that loses a failure would make all other checks worthless.
 */
import { expect, test } from 'vitest';
import { seededFiles } from '../scripts/check.ts';
import { staleFiles, table } from '../scripts/generated.ts';
import { run } from '../scripts/processes.ts';
import { nodeRings } from '../scripts/test-nodes.ts';
import { add, countResults, nothing } from '../scripts/vitest-run.ts';

test('A04: passed, failed and skipped tests are counted, and a file that cannot be loaded is a failure', () => {
  const report = {
    numPassedTests: 7,
    numFailedTests: 2,
    numPendingTests: 1,
    numTodoTests: 1,
    testResults: [
      { status: 'passed', assertionResults: [{}] },
      { status: 'failed', assertionResults: [{}] },
      { status: 'failed', assertionResults: [] },
    ],
  };
  expect(countResults(JSON.stringify(report))).toEqual({ passed: 7, failed: 3, skipped: 2 });
  expect(add({ passed: 1, failed: 2, skipped: 3 }, { ...nothing, failed: 1 })).toEqual({
    passed: 1,
    failed: 3,
    skipped: 3,
  });
});

test('A04: a program that fails, or cannot be started, is told by its exit code', async () => {
  let said = '';
  const onOutput = (text: string) => (said += text);
  expect(await run(process.execPath, ['-e', 'console.log(1); process.exit(3)'], { onOutput })).toBe(3);
  expect(await run(process.execPath, ['-e', 'console.error(2)'], { onOutput })).toBe(0);
  expect(await run('no-such-program-anywhere', [], { onOutput })).not.toBe(0);
  expect(said).toContain('1\n2\n');
});

test('A06: a generated page that differs or is missing is stale', () => {
  const files = new Map([
    ['docs/no-such-page.md', ''],
    ['LICENSE', 'something else'],
  ]);
  expect(staleFiles(files)).toEqual(['docs/no-such-page.md', 'LICENSE']);
});

test('A06: a bar in a cell does not end the cell', () => {
  expect(table(['a'], [['b|c']])).toBe('| a |\n|---|\n| b\\|c |');
});

test('A04: what a seed changes is run with a new one, what imports the seed through other files too, and nothing else', () => {
  const seeded = seededFiles();
  for (const name of ['conformance', 'http-race', 'race', 'codecs-splits'])
    expect(seeded).toContain(`test/property/${name}.test.ts`);
  expect(seeded).toContain('test/simulation/whole-proxy.test.ts');
  for (const name of ['chart-mutations', 'conformance-walk'])
    expect(seeded).not.toContain(`test/property/${name}.test.ts`);
});

test('A01: the rings on the other Nodes hold every wire test, those of HTTP and WebSocket too', () => {
  const rings = nodeRings();
  for (const name of ['http-slow', 'http2-hostile', 'websocket', 'half-close', 'peers'])
    expect(rings).toContain(`test/integration/${name}.test.ts`);
});
