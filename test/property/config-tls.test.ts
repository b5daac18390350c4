/**
 * TLS in the configuration: what resolves to what, what is refused and why, and that no secret shows.
 */
import { inspect } from 'node:util';
import { describe, expect, test } from 'vitest';
import { resolveConfig } from '../../src/config/resolve.ts';
import { zeroConfig } from '../../src/config/zero-config.ts';
import type { TlsPlan } from '../../src/routing/tls-plan.ts';
import { forward, onlyRoute, problems, routeComplaints, web } from '../support/config-samples.ts';
import { certificatePem, email, keyPem, match, own, refusedTls, terminating } from '../support/config-tls-samples.ts';

const production = 'https://acme-v02.api.letsencrypt.org/directory';
const staging = 'https://acme-staging-v02.api.letsencrypt.org/directory';

function planOf(tls: Record<string, unknown> = {}, more: Record<string, unknown> = {}): TlsPlan {
  const plan = onlyRoute(terminating(tls, more), { folder: '/etc/sallyport' }).tls;
  if (plan === null) throw new Error('the route terminates nothing');
  return plan;
}

function acmeOf(acme: Record<string, unknown>, top: Record<string, unknown> = {}) {
  const [route] = resolveConfig({ acme: top, routes: [web(terminating({ certificate: 'auto', acme }))] }).routes;
  const certificate = route?.tls?.certificate;
  if (certificate?.type !== 'auto') throw new Error('nothing is ordered');
  return certificate.acme;
}

describe('the examples of the older style', () => {
  test('S01: the ACME example loads as it stands', () => {
    const plan = resolveConfig({
      routes: [
        {
          name: 'example.com',
          match: { domains: 'example.com', ports: 443 },
          action: {
            type: 'forward',
            target: { host: 'localhost', port: 8080 },
            tls: {
              mode: 'terminate',
              certificate: 'auto',
              acme: { email: 'ssl@example.com', useProduction: false, challengePort: 80 },
            },
          },
        },
      ],
    });
    expect(plan.warnings).toEqual([]);
    expect(plan.routes[0]).toMatchObject({
      needsHttp: true,
      match: { protocol: null, domains: ['example.com'] },
      tls: {
        mode: 'terminate',
        configPath: 'routes[0].action.tls',
        certificate: {
          type: 'auto',
          names: ['example.com'],
          acme: { email: 'ssl@example.com', directoryUrl: staging, challengePort: 80, eab: null, ask: null },
        },
        minVersion: 'TLSv1.2',
        maxVersion: null,
        ciphers: null,
        clientAuth: null,
        upstream: null,
      },
    });
  });

  test('X05, X08: the example of route security loads as it stands, and behind TLS too', () => {
    const security = {
      ipAllowList: ['192.168.1.*', '10.0.0.0/8'],
      ipBlockList: ['192.168.1.100'],
      maxConnections: 100,
      authentication: { type: 'basic', credentials: [{ username: 'api', password: 'secret' }] },
    };
    const tls = { mode: 'terminate', certificate: own };
    for (const more of [{}, { tls }]) {
      const action = { ...forward, security, ...more };
      const route = { name: 'secure-api', match: { ports: 8443, domains: 'api.example.com' }, action };
      const plan = resolveConfig({ routes: [route] });
      expect(plan.routes[0]).toMatchObject({
        access: { allow: security.ipAllowList, block: security.ipBlockList },
        admission: { maxConnections: 100 },
        authentication: { type: 'basic' },
      });
      expect(plan.warnings).toContainEqual(expect.stringContaining('a plain password'));
    }
  });

  test('X05: authentication is fine behind terminated TLS and refused on passthrough', () => {
    const security = { authentication: { type: 'basic', credentials: [{ username: 'a', password: 'scrypt-free' }] } };
    expect(refusedTls({}, { security })).toEqual([]);
    expect(routeComplaints({ match, security, tls: { mode: 'passthrough' } })).toEqual([
      'routes[0].security.authentication: basic authentication needs HTTP, which is invisible on passthrough',
    ]);
  });
});

describe('what a route becomes', () => {
  test('R10: HTTP inside is served request by request unless the route says what else is spoken, or takes the bytes', () => {
    const needsHttp = (more: Record<string, unknown>) => onlyRoute(terminating({}, more)).needsHttp;
    expect(needsHttp({})).toBe(true);
    expect(needsHttp({ match: { ...match, protocol: 'http' } })).toBe(true);
    expect(needsHttp({ match: { ...match, protocol: 'tcp' } })).toBe(false);
    expect(needsHttp({ match: { ...match, protocol: 'redis' } })).toBe(false);
    expect(needsHttp({ action: { type: 'handler', socketHandler: () => undefined } })).toBe(false);
    expect(needsHttp({ action: { type: 'redirect', to: '/' } })).toBe(true);
    expect(needsHttp({ match: { ports: 443, alpn: 'h2' } })).toBe(true);
    expect(onlyRoute(terminating({}, { match: { ...match, alpn: 'h2' } })).match.protocol).toBeNull();
  });

  test('S07: material is PEM text as it stands, bytes, or a file beside the configuration', () => {
    expect(planOf().certificate).toEqual({
      type: 'pem',
      cert: { kind: 'file', path: '/etc/sallyport/a.pem' },
      key: { kind: 'file', path: '/etc/sallyport/a.key' },
    });
    expect(planOf({ certificate: { cert: certificatePem, key: keyPem } }).certificate).toMatchObject({
      cert: { kind: 'text', text: certificatePem },
      key: { kind: 'text', text: keyPem },
    });
    const pfx = new Uint8Array([1, 2]);
    expect(planOf({ certificate: { pfx, passphrase: 'p' } }).certificate).toMatchObject({
      type: 'pfx',
      pfx: { kind: 'bytes', bytes: pfx },
      passphrase: 'p',
    });
    expect(planOf({ certificate: { pfx: '/run/a.pfx' } }).certificate).toMatchObject({
      pfx: { kind: 'file', path: '/run/a.pfx' },
      passphrase: null,
    });
    const provide = () => null;
    expect(planOf({ certificate: provide }).certificate).toEqual({ type: 'function', provide });
    expect(planOf({ certificate: 'development' }).certificate).toEqual({ type: 'development', names: ['example.com'] });
  });

  test('S03: the route’s acme wins key by key, and the directory is one key however it is said', () => {
    const top = { email, directory: 'letsencrypt', challengePort: 8080, renewThresholdDays: 20 };
    expect(acmeOf({}, top)).toMatchObject({ email, directoryUrl: production, challengePort: 8080 });
    expect(acmeOf({ email: 'me@x', challengePort: 81 }, top)).toMatchObject({
      email: 'me@x',
      directoryUrl: production,
      challengePort: 81,
      renewThresholdDays: 20,
    });
    expect(acmeOf({ useProduction: false }, top).directoryUrl).toBe(staging);
    expect(acmeOf({ useProduction: true }, { ...top, directory: 'letsencrypt-staging' }).directoryUrl).toBe(production);
    expect(acmeOf({}, { email }).directoryUrl).toBe(staging);
    expect(acmeOf({ directory: 'https://127.0.0.1:14000/dir' }, top).directoryUrl).toBe('https://127.0.0.1:14000/dir');
    expect(acmeOf({}, top).challenges).toEqual(['http-01', 'tls-alpn-01']);
    const dns = { publish: () => Promise.resolve(), withdraw: () => Promise.resolve() };
    expect(acmeOf({ dns }, top).challenges).toEqual(['dns-01', 'http-01', 'tls-alpn-01']);
    const routes = [web(terminating({ certificate: 'auto' }))];
    const [flagged] = resolveConfig({ acme: top, routes }, { sets: ['acme.directory=https://ca.test/dir'] }).routes;
    expect(flagged?.tls?.certificate).toMatchObject({ acme: { directoryUrl: 'https://ca.test/dir' } });
  });

  test('S01: names that can be ordered are ordered; a wildcard needs dns-01, and is told about beside a name', () => {
    const dns = { publish: () => Promise.resolve(), withdraw: () => Promise.resolve() };
    const resolved = (domains: unknown, acme: Record<string, unknown> = {}) => {
      const route = web(terminating({ certificate: 'auto', acme }, { match: { ports: 443, domains } }));
      const { routes, warnings } = resolveConfig({ acme: { email, useProduction: true }, routes: [route] });
      const certificate = routes[0]?.tls?.certificate;
      return [certificate?.type === 'auto' ? certificate.names : null, warnings.length];
    };
    expect(resolved(['a.example.com', 'b.example.com'])).toEqual([['a.example.com', 'b.example.com'], 0]);
    expect(resolved(['*.example.com'], { dns })).toEqual([['*.example.com'], 0]);
    expect(resolved(['a.example.com', '*.example.com'])).toEqual([['a.example.com'], 1]);
    expect(resolved(['*.example.com'], { ask: () => true })).toEqual([[], 0]);
    expect(resolved('a.test')).toEqual([['a.test'], 1]);
  });

  test('S06: the policy is the same text exactly where handshakes are made alike', () => {
    const policy = (tls: Record<string, unknown>) => planOf(tls).policy;
    expect(policy({ minVersion: 'TLSv1.2' })).toBe(policy({}));
    expect(policy({ certificate: 'development' })).toBe(policy({}));
    const others = [
      {},
      { minVersion: 'TLSv1.3' },
      { maxVersion: 'TLSv1.2' },
      { ciphers: 'ECDHE+AESGCM' },
      { clientAuth: { ca: 'ca.pem' } },
      { clientAuth: { ca: 'ca.pem', require: false } },
      { clientAuth: { ca: 'other.pem' } },
      { clientAuth: { ca: certificatePem } },
    ].map(policy);
    expect(new Set(others).size).toBe(others.length);
  });

  test('S06: the upstream is verified by default, as the target’s host, from TLS 1.2 on', () => {
    const mode = 'terminate-and-reencrypt';
    expect(planOf({ mode }).upstream).toEqual({
      ca: null,
      serverName: null,
      verify: true,
      pins: [],
      minVersion: 'TLSv1.2',
      identity: null,
    });
    const pin = 'AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=';
    const upstream = { ca: 'ca.pem', servername: 'API.internal', pins: `sha256//${pin}`, cert: 'c.pem', key: 'c.key' };
    expect(planOf({ mode, upstream }).upstream).toMatchObject({
      ca: { path: '/etc/sallyport/ca.pem' },
      serverName: 'api.internal',
      pins: [pin],
      identity: { cert: { path: '/etc/sallyport/c.pem' }, key: { path: '/etc/sallyport/c.key' } },
    });
  });
});

describe('secrets', () => {
  test('X05: a plan shows no key, passphrase or HMAC key, and the program still reads them', () => {
    const eab = { keyId: 'kid-1', hmacKey: 'aG1hY3NlY3JldGhtYWNzZWNyZXQ' };
    const upstream = { cert: certificatePem, key: keyPem };
    const plans = [
      planOf({ certificate: { cert: certificatePem, key: keyPem }, mode: 'terminate-and-reencrypt', upstream }),
      planOf({ certificate: { pfx: 'a.pfx', passphrase: 'VERYSECRET' } }),
      planOf({ certificate: { cert: 'a.pem', key: new TextEncoder().encode('VERYSECRET') } }),
      planOf({ certificate: 'auto', acme: { email, eab } }),
    ];
    for (const plan of plans) {
      const shown = `${JSON.stringify(plan)} ${inspect(plan, { depth: 9 })}`;
      expect(shown).not.toMatch(/VERYSECRET|aG1hY3NlY3JldA|86, ?69, ?82/);
      expect(shown).toContain('[hidden]');
    }
    expect(plans[3]?.certificate).toMatchObject({ acme: { eab } });
    expect(plans[0]?.certificate).toMatchObject({ key: { text: keyPem } });
  });

  test('X05: a problem repeats no key, wherever it was put', () => {
    const told = JSON.stringify([
      problems({ routes: [web(terminating({ certificate: { cert: keyPem, key: 'a' } }))] }),
      problems({ routes: [web(terminating({ certificate: { cert: 'a', key: certificatePem } }))] }),
      problems({ routes: [web(terminating({ clientAuth: { ca: keyPem } }))] }),
    ]);
    expect(told).not.toContain('VERYSECRET');
    expect(told).toContain('this holds a private key, which goes into key');
    expect(told).toContain('this PEM text holds no private key');
  });
});

describe('without a file', () => {
  const mapping = 'example.com=127.0.0.1:3000';

  test('A02: a host name with an e-mail address is HTTPS on 443, ordered in earnest, and a redirect on 80', () => {
    const plan = resolveConfig(zeroConfig([mapping, '8080=3001'], { email: 'me@x', developmentCertificates: false }));
    expect(plan.warnings).toEqual([]);
    expect(new Set(plan.listeners.map(({ port }) => port))).toEqual(new Set([80, 443, 8080]));
    expect(plan.routes).toMatchObject([
      {
        name: 'example.com',
        match: { domains: ['example.com'] },
        tls: {
          certificate: { type: 'auto', names: ['example.com'], acme: { email: 'me@x', directoryUrl: production } },
        },
      },
      { name: 'port-8080', tls: null },
      {
        name: 'to-https',
        action: { type: 'redirect', to: 'https://{host}{path}' },
        match: { domains: ['example.com'] },
      },
    ]);
  });

  test('A02: --dev-tls takes certificates of this machine, of files too', () => {
    const plan = resolveConfig(
      zeroConfig(['localhost=3000', '*.test=3001'], { email: null, developmentCertificates: true }),
    );
    expect(plan.routes.slice(0, 2)).toMatchObject([
      { tls: { certificate: { type: 'development', names: ['localhost'] } } },
      { tls: { certificate: { type: 'development', names: ['*.test'] } } },
    ]);
    const file = { routes: [web(terminating({ certificate: 'auto' }))] };
    const [route] = resolveConfig(file, { developmentCertificates: true }).routes;
    expect(route?.tls?.certificate.type).toBe('development');
  });

  test.each([
    [mapping, null, 'HTTPS for a host name needs a certificate'],
    ['*.example.com=3000', 'me@x', 'a certificate for a wildcard is given for dns-01 only'],
    ['localhost=3000', 'me@x', 'no public authority gives a certificate for localhost'],
  ])('A02: %s with the address %s is refused with what would do', (text, address, message) => {
    expect(() => zeroConfig([text], { email: address, developmentCertificates: false })).toThrow(message);
  });
});
