/**
 * h2spec, the conformance suite of HTTP/2, against a route for HTTP/2 in clear text.
 *
 * Decides nothing about HTTP/2: `h2spec-report.ts` says which failures are known and why. Skipped where h2spec is not
 * installed.
 */
import { existsSync, readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { join } from 'node:path';
import { readReport } from './h2spec-report.ts';
import { findSuite, lastLines, runSuite, withFolder, type PublicSuite } from './public-suite.ts';
import type { Report, Soak, SoakContext } from './report.ts';
import { closed, listen, withProxy } from './stage.ts';

const suite: PublicSuite = {
  command: 'h2spec',
  variable: 'H2SPEC',
  howToGet:
    'a release of https://github.com/summerwind/h2spec, or go install github.com/summerwind/h2spec/cmd/h2spec@latest',
};

/** How long it waits for each answer: its own 2 seconds are short for a machine that has more to do. */
const waitSeconds = 5;

export const h2spec: Soak = { name: 'h2spec', run };

async function run(context: SoakContext): Promise<void> {
  const { report } = context;
  const file = findSuite(suite, report);
  if (file === null) return;
  // What the suite asks of a server: 200 and a body, to GET and to POST.
  const origin = createServer((request, response) => {
    request.on('error', () => undefined);
    request.resume().on('end', () => response.end('an answer with a body\n'));
  });
  const target = { host: '127.0.0.1', port: await listen(origin) };
  const action = { type: 'forward', target, upstreamProtocol: 'http1' } as const;
  const config = {
    timeouts: { poolIdle: '1s' },
    routes: [{ name: 'h2spec', match: { ports: 0, protocol: 'h2c' }, action }],
  } as const;
  await withProxy(context, config, (port) => withFolder('h2spec', (folder) => judge(file, folder, port, report)));
  origin.closeAllConnections();
  await closed(origin);
}

async function judge(file: string, folder: string, port: number, report: Report): Promise<void> {
  const reportFile = join(folder, 'report.xml');
  const args = ['-h', '127.0.0.1', '-p', String(port), '-o', String(waitSeconds), '-j', reportFile];
  const { code, said } = await runSuite(file, args, folder);
  if (!existsSync(reportFile))
    return report.problem('h2spec wrote no report', `exit code ${code}\n      ${lastLines(said)}`);
  const { passed, skipped, tolerated, failed } = readReport(readFileSync(reportFile, 'utf8'));
  report.say(`${passed} passed, ${skipped} skipped, ${tolerated.length} known failures, ${failed.length} failures`);
  for (const name of tolerated) report.say(`known: ${name}`);
  for (const name of failed) report.problem('h2spec fails', name);
}
