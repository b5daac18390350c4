/**
 * Validations of certificate authorities come before routes and lists, on whatever port they come to, and change nothing for
 * anybody else.
 */
import { describe, expect, test } from 'vitest';
import { resolveConfig } from '../../src/config/resolve.ts';
import { Sniffer, type SniffOutcome } from '../../src/io/sniffer.ts';
import { validationTokenIn } from '../../src/protocols/http-validation.ts';
import { compileListener } from '../../src/routing/route-table.ts';
import { clientHello } from '../support/tls-hello.ts';

const target = { host: '127.0.0.1', port: 3000 };
const forward = { type: 'forward', target };
const respond = { type: 'respond', status: 200, body: 'x' };
const elsewhere = ['10.0.0.0/8'];
const request = 'GET /.well-known/acme-challenge/abc-_9 HTTP/1.1\r\nHost: site.dev\r\n\r\n';
const token = 'abc-_9';

function ordering(match: object = {}, acme: object = {}): object {
  return {
    name: 'site',
    match: { ports: 443, domains: ['site.dev'], ...match },
    action: forward,
    tls: { mode: 'terminate', certificate: 'auto', acme },
  };
}

function planOf(...routes: readonly object[]) {
  return resolveConfig({ acme: { email: 'ops@site.dev', useProduction: true }, routes });
}

/** How the listener of a port looks at a client from the outside. */
function looker(port: number, ...routes: readonly object[]) {
  return lookerWhile(true, port, ...routes);
}

function lookerWhile(isProving: boolean, port: number, ...routes: readonly object[]) {
  const plan = planOf(...routes);
  const listener = plan.listeners.find((one) => one.port === port);
  if (listener === undefined) throw new Error('nothing listens there');
  const sniffer = new Sniffer(
    compileListener(listener, plan.detectors),
    plan.detectors.map(({ detector }) => detector),
    () => isProving,
  );
  const client = { ip: '203.0.113.9', tls: null };
  return {
    first: sniffer.first(client),
    look: (bytes: string | Uint8Array, ended = false): SniffOutcome =>
      sniffer.look(client, typeof bytes === 'string' ? Buffer.from(bytes, 'latin1') : bytes, ended),
  };
}

const refusals: readonly (readonly [string, readonly object[], string])[] = [
  [
    'a list of addresses',
    [{ name: 'h', match: { ports: 80, protocol: 'http', clientIp: elsewhere }, action: respond }],
    'refused.route',
  ],
  [
    'a block of addresses',
    [
      {
        name: 'b',
        match: { ports: 80, clientIp: ['203.0.113.0/24'] },
        action: { type: 'block', how: 'reset' },
        priority: 10,
      },
      { name: 'h', match: { ports: 80, protocol: 'http' }, action: respond },
    ],
    'route.blocked',
  ],
  [
    'the lists of a raw route',
    [
      {
        name: 'r',
        match: { ports: 80, clientIp: ['203.0.113.0/24'] },
        action: forward,
        security: { ipBlockList: ['203.0.113.9'] },
      },
    ],
    'refused.address',
  ],
];

describe('HTTP-01', () => {
  test.each(refusals)('S05: %s refuses no validation, and everybody else as it would at once', (_, routes, reason) => {
    const { first, look } = looker(80, ordering(), ...routes);
    expect(first).toBeNull();
    expect(look(request)).toMatchObject({ kind: 'validating', token, otherwise: { kind: 'refused', reason } });
    for (const bytes of [
      'GET / HTTP/1.1\r\nHost: site.dev\r\n\r\n',
      'SSH-2.0-x\r\n',
      clientHello({ serverName: 'a.dev' }),
    ])
      expect(look(bytes)).toMatchObject({ kind: 'refused', reason, sighting: { protocol: null } });
    expect(look('', true)).toMatchObject({ kind: 'refused', reason, sighting: { protocol: null } });
  });

  test.each(refusals)('S05: %s refuses at once while no name is being proved', (_, routes, reason) => {
    const { first } = lookerWhile(false, 80, ordering(), ...routes);
    expect(first).toMatchObject({ kind: 'refused', reason });
  });

  test.each(refusals)('S05: %s refuses at once where no validation can come', (_, routes, reason) => {
    const { first } = looker(80, ordering({}, { challenges: ['tls-alpn-01'] }), ...routes);
    expect(first).toMatchObject({ kind: 'refused', reason });
  });

  test.each<readonly [string, object]>([
    ['redis', { match: { ports: 80, protocol: 'redis' }, action: forward }],
    [
      'TLS that passes through',
      { match: { ports: 80, domains: ['o.dev'] }, action: forward, tls: { mode: 'passthrough' } },
    ],
    ['TLS that ends here', ordering({ ports: 80, domains: ['o.dev'] })],
  ])('S05: a port of %s alone answers one, and refuses every other request as before', (_, route) => {
    const { first, look } = looker(80, ordering(), { ...route, name: 'other' });
    expect(first).toBeNull();
    expect(look(request)).toMatchObject({
      kind: 'validating',
      token,
      otherwise: { kind: 'refused', reason: 'refused.protocol' },
    });
    expect(look('GET / HTTP/1.1\r\nHost: o.dev\r\n\r\n')).toMatchObject({
      kind: 'refused',
      reason: 'refused.protocol',
      sighting: { protocol: 'http' },
    });
  });

  test('S05: beside a raw route a request that is none, or whose token nobody knows, is the raw route’s', () => {
    const raw = { name: 'raw', match: { ports: 80 }, action: forward };
    const redis = { name: 'redis', match: { ports: 80, protocol: 'redis' }, action: forward };
    const { look } = looker(80, ordering(), raw, redis);
    expect(look(request)).toMatchObject({
      kind: 'validating',
      token,
      otherwise: { kind: 'routed', route: { name: 'raw' } },
    });
    for (const bytes of [
      'G',
      'GET',
      'GET /x',
      'GET /.well-known/acme-challenge/ HTTP/1.1\r\n',
      'POST /.well-known/acme-challenge/abc HTTP/1.1\r\n',
    ])
      expect(look(bytes)).toMatchObject({ kind: 'routed', route: { name: 'raw' } });
    expect(look(request.slice(0, 20))).toMatchObject({ kind: 'waiting', answerable: true });
    expect(look(request.slice(0, 20), true)).toMatchObject({ kind: 'routed' });
  });

  test('S05: a request line is told at every split: none, perhaps, or its token', () => {
    const bytes = Buffer.from(request);
    const lineEnd = 'GET /.well-known/acme-challenge/abc-_9 '.length;
    for (let end = 0; end <= bytes.length; end += 1) {
      const expected = end < 'GET /'.length ? null : end < lineEnd ? '' : token;
      expect([end, validationTokenIn(bytes.subarray(0, end))]).toEqual([end, expected]);
    }
    for (const path of ['../../x', 'a/b', 'a%2e', 'x'.repeat(257), ''])
      expect(validationTokenIn(Buffer.from(`GET /.well-known/acme-challenge/${path} HTTP/1.1`))).toBeNull();
  });

  test('S02: where a route takes every connection unread, it is left out with a warning that names port and route', () => {
    const raw = { name: 'raw', match: { ports: 80 }, action: forward };
    const left = planOf(ordering(), raw);
    expect(challengesOf(left)).toEqual(['tls-alpn-01']);
    expect(left.warnings).toEqual([
      'routes[0].tls.certificate: http-01 cannot be answered on port 80, because raw takes every connection there before its first byte, so tls-alpn-01 is used; another challengePort, or match.protocol in raw, leaves room for it',
    ]);
    const none = planOf(ordering({}, { challenges: ['http-01'] }), raw);
    expect(challengesOf(none)).toEqual(['http-01']);
    expect(none.warnings).toEqual([expect.stringContaining('and no other challenge is left')]);
    for (const other of [
      { ...raw, match: { ports: 80, protocol: 'redis' } },
      { ...raw, match: { ports: 80, clientIp: elsewhere } },
      { ...raw, action: { type: 'block' } },
      { ...raw, enabled: false },
      { ...raw, match: { ports: 81 } },
    ]) {
      const plan = planOf(ordering(), other);
      expect([challengesOf(plan), plan.warnings]).toEqual([['http-01', 'tls-alpn-01'], []]);
    }
  });
});

describe('TLS-ALPN-01', () => {
  const asking = clientHello({ serverName: 'site.dev', alpn: ['acme-tls/1'] });

  test('S02: a list of addresses refuses no validation, and everybody else as it would at once', () => {
    const { first, look } = looker(443, ordering({ clientIp: elsewhere }));
    expect(first).toBeNull();
    expect(look(asking.subarray(0, 40))).toMatchObject({ kind: 'waiting' });
    expect(look(asking)).toMatchObject({
      kind: 'refused',
      sighting: { protocol: 'tls', preface: { serverName: 'site.dev', alpn: ['acme-tls/1'] } },
    });
    for (const bytes of [clientHello({ serverName: 'site.dev' }), 'SSH-2.0-x\r\n', request])
      expect(look(bytes)).toMatchObject({ kind: 'refused', reason: 'refused.route', sighting: { protocol: null } });
  });

  test('S02: the list refuses at once where names are proved otherwise', () => {
    const { first } = looker(443, ordering({ clientIp: elsewhere }, { challenges: ['http-01'] }));
    expect(first).toMatchObject({ kind: 'refused', reason: 'refused.route' });
  });
});

function challengesOf(plan: ReturnType<typeof planOf>): readonly string[] {
  const certificate = plan.routes[0]?.tls?.certificate;
  return certificate?.type === 'auto' ? certificate.acme.challenges : [];
}
