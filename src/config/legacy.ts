/**
 * Keys of an older configuration style, answered with the same thing said in this one.
 *
 * Must never do: accept them. What they meant is often not quite what is meant now, so a person should read it once.
 */
import { parseAddressPattern } from '../routing/access.ts';
import type { Finding } from './finding.ts';
import { isRecord, ownValue } from './plain.ts';

/** One finding for each older key; the most telling of them carries the new configuration. */
export function legacyFindings(value: unknown): readonly Finding[] {
  if (!isRecord(value)) return [];
  const findings = [...answers]
    .filter(([key]) => ownValue(value, key) !== undefined)
    .map(([key, answer]): Finding => ({
      path: [key],
      message: `${key} belongs to an older configuration style`,
      part: 'key',
      ...answer(value),
    }));
  const port = ownValue(value['acme'], 'port');
  if (port === undefined) return findings;
  return [
    ...findings,
    {
      path: ['acme', 'port'],
      message: 'acme.port belongs to an older configuration style',
      part: 'key',
      suggestion: acmeLines(value).join('\n'),
    },
  ];
}

type Answer = (value: Record<string, unknown>) => Pick<Finding, 'suggestion' | 'expected'>;

const answers: ReadonlyMap<string, Answer> = new Map<string, Answer>([
  [
    'useHttpProxy',
    (value) => ({ expected: 'match.protocol on the routes of those ports', suggestion: httpLines(value).join('\n') }),
  ],
  ['httpProxyPort', () => ({ expected: 'nothing: there is no second port behind the proxy any more; remove the key' })],
  ['fromPort', (value) => ({ expected: 'a route', suggestion: portLines(value).join('\n') })],
  ['toPort', (value) => ({ expected: 'action.target.port of a route', suggestion: portLines(value).join('\n') })],
  ['targetIP', (value) => ({ expected: 'action.target.host of a route', suggestion: portLines(value).join('\n') })],
  ['sniEnabled', () => ({ expected: 'match.domains with tls: { mode: passthrough } on a route' })],
  ['globalPortRanges', () => ({ expected: 'match.ports of a route, such as { from: 8000, to: 8010 }' })],
  ['defaultAllowedIPs', (value) => lists('ipAllowList', value['defaultAllowedIPs'])],
  ['defaultBlockedIPs', (value) => lists('ipBlockList', value['defaultBlockedIPs'])],
  ['preserveSourceIP', () => ({ expected: 'action.preserveSourceIP of a route' })],
  ['sendProxyProtocol', () => ({ expected: 'action.sendProxyProtocol of a route' })],
  ['acceptProxyProtocol', () => ({ expected: 'acceptProxyProtocol of a listener', suggestion: proxyLines([]) })],
  [
    'proxyIPs',
    (value) => ({
      expected: 'acceptProxyProtocol of a listener',
      suggestion: proxyLines(addressesIn(value['proxyIPs'])),
    }),
  ],
  ['maxConnections', limit('maxConnections', (count) => `maxConnections: ${count}`)],
  ['maxConnectionsPerIP', limit('maxConnectionsPerIP', (count) => `maxConnectionsPerIp: ${count}`)],
  [
    'connectionRateLimitPerMinute',
    limit('connectionRateLimitPerMinute', (count) => `rateLimit: { connections: ${count}, per: 1m, by: ip }`),
  ],
  ['domainConfigs', () => ({ expected: 'one route for each entry, with match.domains and action.targets' })],
  ['connectionTimeout', timeout('connectionTimeout', 'dial')],
  ['initialDataTimeout', timeout('initialDataTimeout', 'sniff')],
  ['inactivityTimeout', timeout('inactivityTimeout', 'idle')],
  ['socketTimeout', timeout('socketTimeout', 'idle')],
  ['maxConnectionLifetime', timeout('maxConnectionLifetime', 'lifetime')],
  [
    'connectionCleanupInterval',
    () => ({ expected: 'nothing: every connection owns its deadlines and no sweeper runs; remove the key' }),
  ],
]);

function timeout(key: string, name: string): Answer {
  return (value) => {
    const ms = value[key];
    return { expected: `timeouts.${name}`, suggestion: typeof ms === 'number' ? `timeouts: { ${name}: ${ms} }` : null };
  };
}

function lists(name: 'ipAllowList' | 'ipBlockList', written: unknown): Pick<Finding, 'suggestion' | 'expected'> {
  const addresses = addressesIn(written);
  const expected = `defaults.${name}, or ${name} in the security of a route`;
  return { expected, suggestion: addresses.length === 0 ? null : `defaults: { ${name}: [${addresses.join(', ')}] }` };
}

/** Those that can be used as they stand. */
function addressesIn(written: unknown): readonly string[] {
  const list: readonly unknown[] = Array.isArray(written) ? written : [written];
  return list
    .filter((one): one is string => typeof one === 'string' && parseAddressPattern(one) === null)
    .map((one) => JSON.stringify(one));
}

/** @param from addresses, in quotes. */
function proxyLines(from: readonly string[]): string {
  const written = from.length === 0 ? 'true' : `{ from: [${from.join(', ')}], required: true }`;
  return `listeners:\n  443: { acceptProxyProtocol: ${written} }`;
}

function limit(key: string, lineOf: (count: number) => string): Answer {
  return (value) => {
    const count = value[key];
    const isCount = typeof count === 'number' && Number.isSafeInteger(count) && count > 0;
    return { expected: 'limits', suggestion: isCount ? `limits: { ${lineOf(count)} }` : null };
  };
}

function httpLines(value: Record<string, unknown>): readonly string[] {
  const listed = value['useHttpProxy'];
  const ports = (Array.isArray(listed) ? listed : [listed]).filter(isPort);
  return [
    'routes:',
    ...(ports.length > 0 ? ports : [80]).flatMap((port) =>
      routeLines(`http-${port}`, `{ ports: ${port}, protocol: http }`, '127.0.0.1', 3000),
    ),
    ...acmeLines(value),
  ];
}

function portLines(value: Record<string, unknown>): readonly string[] {
  const from = isPort(value['fromPort']) ? value['fromPort'] : 8080;
  const to = isPort(value['toPort']) ? value['toPort'] : 3000;
  const host =
    typeof value['targetIP'] === 'string' && /^[\w.:-]{1,253}$/.test(value['targetIP'])
      ? value['targetIP']
      : '127.0.0.1';
  return ['routes:', ...routeLines(`port-${from}`, `{ ports: ${from} }`, host, to)];
}

function routeLines(name: string, match: string, host: string, port: number): readonly string[] {
  const written = host.includes(':') ? JSON.stringify(host) : host;
  return [
    `  - name: ${name}`,
    `    match: ${match}`,
    `    action: { type: forward, target: { host: ${written}, port: ${port} } }`,
  ];
}

function acmeLines(value: Record<string, unknown>): readonly string[] {
  const port = ownValue(value['acme'], 'port');
  if (!isPort(port)) return [];
  const email = ownValue(value['acme'], 'email');
  const written = typeof email === 'string' && /^[\w.+-]{1,64}@[\w.-]{1,253}$/.test(email) ? email : 'you@example.com';
  return [`acme: { email: ${written}, challengePort: ${port} }`];
}

function isPort(value: unknown): value is number {
  return typeof value === 'number' && Number.isInteger(value) && value >= 0 && value <= 65_535;
}
