/**
 * What check and explain say for programs, and who would be refused: of caps, lists, pools and dialers.
 */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { sallyportEnds, type Ended } from '../support/command.ts';

async function inFolder(text: string, args: readonly string[]): Promise<Ended> {
  const folder = await mkdtemp(join(tmpdir(), 'sallyport-verdicts-'));
  onTestFinished(() => rm(folder, { recursive: true }));
  await writeFile(join(folder, 'sallyport.yaml'), text);
  return sallyportEnds(args, { folder });
}

const pooled = `
limits: { maxConnections: 500 }
listeners: { 8080: { maxConnections: 50, acceptProxyProtocol: { from: [10.0.0.0/8], required: true } } }
pools:
  db:
    endpoints: [{ host: 10.0.0.5, port: 3306, weight: 2 }, { srv: _mysql._tcp.example.internal }, { unix: /run/db.sock }]
    health: { type: tcp, interval: 5s, rise: 2, fall: 3 }
    breaker: { failures: 5, openFor: 10s }
    retries: 2
routes:
  - { name: mysql, match: { ports: 3306, protocol: tcp }, action: { type: forward, pool: db, sendProxyProtocol: v2 }, security: { ipAllowList: [10.0.0.0/8], onBan: kill, maxConnectionsPerIp: 2 } }
  - { name: web, match: { ports: 8080, protocol: http }, action: { type: forward, target: { host: 127.0.0.1, port: 3000 } }, security: { rateLimit: { requests: 1000, per: 1s, by: ip } } }
`;

test('A02: explain says first who would be refused by the lists of the route that takes it', async () => {
  const text = await inFolder(pooled, ['explain', 'db:3306', '--from', '192.0.2.1']);
  expect(text.out).toMatch(
    /^A client at 192\.0\.2\.1 .* would be refused \(refused\.address\) by the lists of mysql\.$/m,
  );
  const listed = pooled.replace('security: { rateLimit', 'security: { ipBlockList: [10.0.0.66], rateLimit');
  const blocked = await inFolder(listed, ['explain', 'http://h:8080/', '--from', '10.0.0.66']);
  expect(blocked.out).toMatch(/^A client .* would be refused \(403, refused\.address\) by the lists of web\.\n/);
  const verdictOf = async (from: string): Promise<unknown> =>
    JSON.parse((await inFolder(listed, ['explain', 'http://h:8080/', '--from', from, '--json'])).out);
  expect(await verdictOf('10.0.0.66')).toMatchObject({
    route: 'web',
    verdict: { outcome: 'refused', reason: 'refused.address', status: 403 },
  });
  expect(await verdictOf('10.0.0.67')).toMatchObject({ verdict: { outcome: 'served', reason: null } });
});

test('A02: check says as values what it says in sentences', async () => {
  const { out } = await inFolder(pooled, ['check', '--json']);
  const rate = { amount: 1_000, perMs: 1_000, burst: 1_000, unit: 'requests', by: 'ip' };
  expect(JSON.parse(out)).toMatchObject({
    admission: { maxConnections: 500 },
    listeners: [
      { port: 3306, values: { acceptProxyProtocol: null, admission: { maxConnections: null } } },
      {
        port: 8080,
        values: { acceptProxyProtocol: { from: ['10.0.0.0/8'], required: true }, admission: { maxConnections: 50 } },
      },
    ],
    pools: [
      {
        values: {
          balance: 'round-robin',
          health: { type: 'tcp', intervalMs: 5_000, fall: 3 },
          breaker: { failures: 5, openForMs: 10_000 },
          retries: 2,
          onEndpointDown: 'keep',
          dialer: { type: 'direct' },
        },
      },
    ],
    routes: [
      {
        values: {
          access: { allow: ['10.0.0.0/8'], block: [] },
          onBan: 'kill',
          admission: { maxConnectionsPerIp: 2 },
          forward: { pool: 'db', sendProxyProtocol: 'v2' },
        },
      },
      {
        values: { access: null, admission: { rates: [rate] }, forward: { pool: null, targets: ['127.0.0.1:3000'] } },
      },
    ],
  });
});

test('A02: one is singular, and a pool says how long its connections may be drained', async () => {
  const one = pooled
    .replace('maxConnectionsPerIp: 2', 'maxConnectionsPerIp: 1, maxConnections: 1')
    .replace('retries: 2', 'retries: 2\n    drain: 1m');
  const { out } = await inFolder(one, ['check']);
  expect(out).toMatch(/at most 1 connection at once$/m);
  expect(out).toMatch(/at most 1 connection at once of one address$/m);
  expect(out).toContain('connections of an endpoint that is wanted no more may last 1m');
});

test('A02: the files of a dialer are opened, of pools that no route uses, too', async () => {
  const dialer = 'dialer: { type: tls, ca: ./no-ca.pem, cert: ./no-cert.pem, key: ./no-key.pem }';
  const { exitCode, out } = await inFolder(pooled.replace('    retries: 2', `    ${dialer}`), ['check', '--json']);
  expect(exitCode).toBe(2);
  const said: unknown = JSON.parse(out);
  const problem = { code: 'SALLYPORT_CERTIFICATE_UNREADABLE' };
  expect(said).toMatchObject({ ok: false, problems: [problem, problem, problem] });
  for (const key of ['ca', 'cert', 'key'])
    expect(out).toMatch(new RegExp(String.raw`pools\.db\.dialer\.${key}: cannot read .*/no-${key}\.pem"`));
});
