/**
 * Autobahn's WebSocket suite: its fuzzing client must think the same of a server directly and through the proxy.
 *
 * Decides nothing about WebSocket: the proxy forwards what comes after the 101 unread, so whatever `ws` does right or wrong
 * has to look the same from both sides. Skipped where `wstest` is not installed. Read first: `autobahn-reports.ts`.
 */
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { join } from 'node:path';
import { WebSocketServer } from 'ws';
import { compareAgents, readIndex } from './autobahn-reports.ts';
import { findSuite, lastLines, runSuite, withFolder, type PublicSuite } from './public-suite.ts';
import type { Report, Soak, SoakContext } from './report.ts';
import { closed, listen, withProxy } from './stage.ts';

const suite: PublicSuite = {
  command: 'wstest',
  variable: 'AUTOBAHN',
  howToGet:
    'pip install autobahntestsuite (Python 2.7), or a script around ' +
    'docker run --rm --network host -v /tmp:/tmp -w "$PWD" crossbario/autobahn-testsuite wstest "$@"',
};

export const autobahn: Soak = { name: 'autobahn', run };

async function run(context: SoakContext): Promise<void> {
  const { report } = context;
  const wstest = findSuite(suite, report);
  if (wstest === null) return;
  const origin = createServer();
  const server = new WebSocketServer({ server: origin, perMessageDeflate: true });
  server.on('connection', (socket) => {
    socket.on('error', () => undefined);
    socket.on('message', (data, isBinary) => socket.send(data, { binary: isBinary }));
  });
  const directPort = await listen(origin);
  const target = { host: '127.0.0.1', port: directPort };
  const config = {
    routes: [{ name: 'autobahn', match: { ports: 0, protocol: 'websocket' }, action: { type: 'forward', target } }],
  } as const;
  await withProxy(context, config, (port) =>
    withFolder('autobahn', (folder) => compare(wstest, folder, { direct: directPort, proxied: port }, report)),
  );
  server.close();
  await closed(origin);
}

async function compare(
  wstest: string,
  folder: string,
  ports: Readonly<Record<'direct' | 'proxied', number>>,
  report: Report,
): Promise<void> {
  const specFile = join(folder, 'fuzzingclient.json');
  writeFileSync(specFile, JSON.stringify(specification(folder, ports)));
  const { code, said } = await runSuite(wstest, ['--mode', 'fuzzingclient', '--spec', specFile], folder);
  const indexFile = join(folder, 'reports', 'index.json');
  if (!existsSync(indexFile))
    return report.problem('wstest wrote no report', `exit code ${code}\n      ${lastLines(said)}`);
  const { compared, differences } = compareAgents(readIndex(readFileSync(indexFile, 'utf8')), 'direct', 'proxied');
  report.say(`${compared} cases compared, ${differences.length} differ`);
  for (const difference of differences) report.problem('the proxy changes a case', difference);
}

/** One run with both servers, so that both are in one index. */
function specification(folder: string, ports: Readonly<Record<string, number>>): object {
  return {
    outdir: join(folder, 'reports'),
    servers: Object.entries(ports).map(([agent, port]) => ({ agent, url: `ws://127.0.0.1:${port}` })),
    cases: ['*'],
    'exclude-cases': [],
    'exclude-agent-cases': {},
  };
}
