/**
 * What of TLS a configuration may not say, or says in vain: each is told at its place.
 */
import { describe, expect, test } from 'vitest';
import { resolveConfig } from '../../src/config/resolve.ts';
import { complaints, forward, routeComplaints, web } from '../support/config-samples.ts';
import { email, match, own, refusedTls, terminating } from '../support/config-tls-samples.ts';

describe('what is refused', () => {
  const at = (path: string) => `routes[0].tls.${path}`;
  const auto = { certificate: 'auto', acme: { email } };

  test.each<[string, Record<string, unknown>, string]>([
    ['no certificate', { certificate: undefined }, 'certificate is missing'],
    ['half a pair', { certificate: { cert: 'a' } }, 'key is missing'],
    ['two kinds', { certificate: { cert: 'a', pfx: 'a' } }, 'stands beside pfx'],
    ['a passphrase for PEM', { certificate: { ...own, passphrase: 'x' } }, 'passphrase belongs to pfx'],
    ['acme beside a certificate', { acme: { email } }, 'only certificate: auto is ordered'],
    ['TLS 1.1', { minVersion: 'TLSv1.1' }, 'TLSv1.1 is broken (RFC 8996)'],
    ['no version left', { minVersion: 'TLSv1.3', maxVersion: 'TLSv1.2' }, 'no version is left'],
    ['ciphers without secrecy', { ciphers: 'ALL:eNULL' }, 'eNULL keeps no secret'],
    ['no list of ciphers', { ciphers: 'a;b' }, 'this is no list of ciphers'],
    [
      'old suites for TLS 1.3',
      { ciphers: 'ECDHE+AESGCM', minVersion: 'TLSv1.3' },
      'none of these is a suite of TLS 1.3',
    ],
    ['upstream in clear text', { upstream: { verify: false } }, 'mode terminate speaks to the upstream in clear text'],
    ['client certificates of nobody', { clientAuth: { require: true } }, 'ca is missing'],
    ['no e-mail address', { certificate: 'auto' }, 'needs an e-mail address'],
    [
      'two directories',
      { certificate: 'auto', acme: { email, useProduction: true, directory: 'https://a.b/' } },
      'keep one of them',
    ],
    ['ACME without TLS', { certificate: 'auto', acme: { email, directory: 'http://a.b/' } }, 'https only'],
    [
      'dns-01 in YAML',
      { certificate: 'auto', acme: { email, challenges: 'dns-01' } },
      'dns-01 cannot be gone without dns',
    ],
    [
      'an unused port',
      { certificate: 'auto', acme: { email, challenges: 'tls-alpn-01', challengePort: 80 } },
      'http-01 is not among',
    ],
  ])('S03: %s', (_, tls, message) => {
    const found = refusedTls(tls);
    expect(found).toHaveLength(1);
    expect(found[0]).toContain(message);
    expect(found[0]).toContain(at('').slice(0, -1));
  });

  test('S03: certificate: auto needs names that can be ordered, or somebody to ask', () => {
    const named = (domains: unknown, acme: Record<string, unknown> = {}) =>
      refusedTls(
        { ...auto, acme: { email, ...acme } },
        { match: { ports: 443, ...(domains === null ? {} : { domains }) } },
      );
    expect(named(null)).toEqual([expect.stringContaining('match.domains is missing')]);
    expect(named('*.example.com')).toEqual([
      expect.stringContaining('routes[0].match.domains: a certificate for a wildcard'),
    ]);
    expect(named(['a.b', 'a.*'])).toEqual([
      expect.stringContaining('routes[0].match.domains[1]: no certificate can be'),
    ]);
    expect(named('10.0.0.1')).toEqual([expect.stringContaining('never ask for an address by SNI')]);
    expect(named(null, { ask: () => true })).toEqual([]);
  });

  test('X05: tlsVersion and protocol tls have no sense where they cannot be seen', () => {
    const tlsVersion = 'TLSv1.3';
    expect(routeComplaints({ match: { ports: 1, tlsVersion } })).toEqual([
      expect.stringContaining('known only where TLS is terminated'),
    ]);
    expect(refusedTls({}, { match: { ...match, tlsVersion } })).toEqual([]);
    expect(refusedTls({ maxVersion: 'TLSv1.2' }, { match: { ...match, tlsVersion } })).toEqual([
      expect.stringContaining('can never be agreed on'),
    ]);
    expect(refusedTls({}, { match: { ...match, protocol: 'tls' }, action: { type: 'respond' } })).toEqual([
      'routes[0].match.protocol: where TLS is terminated, protocol is what is spoken inside of it',
    ]);
    expect(refusedTls({ mode: 'terminate-and-reencrypt' }, { action: { type: 'respond' } })).toEqual([
      'routes[0].tls.mode: terminate-and-reencrypt cannot be enforced here: nothing is forwarded',
    ]);
    for (const key of ['path', 'method'])
      expect(
        refusedTls({}, { match: { ...match, protocol: 'redis', [key]: key === 'path' ? '/' : 'GET' } }),
      ).toHaveLength(1);
  });

  test('S03: routes that no client hello tells apart must want the same handshake', () => {
    const route = (name: string, tls: Record<string, unknown>, more: Record<string, unknown> = {}) => ({
      name,
      action: forward,
      match: { ...match, ...more },
      tls: { mode: 'terminate', certificate: own, ...tls },
    });
    const clientAuth = { ca: 'ca.pem' };
    const path = '/admin';
    expect(complaints({ routes: [route('a', {}), route('b', { clientAuth }, { path })] })).toEqual([
      expect.stringContaining('routes[1].tls: this can never be agreed on'),
    ]);
    expect(complaints({ routes: [route('a', {}), route('b', {}, { path })] })).toEqual([]);
    expect(complaints({ routes: [route('a', {}), route('b', { clientAuth }, { domains: 'b.example' })] })).toEqual([]);
    expect(complaints({ routes: [route('a', {}), route('b', { clientAuth }, { clientIp: '10.0.0.0/8' })] })).toEqual(
      [],
    );
    const passed = { name: 'b', action: forward, match, tls: { mode: 'passthrough' } };
    expect(complaints({ routes: [route('a', {}, { path }), passed] })).toEqual([
      expect.stringContaining('routes[1].tls.mode: on port 443 routes[0] terminates the TLS that routes[1] passes'),
    ]);
    const [warning] = resolveConfig({
      routes: [route('a', {}), route('b', { certificate: 'development' }, { path })],
    }).warnings;
    expect(warning).toContain('only one of their certificates is shown');
  });

  test('S03: what has no effect is said', () => {
    const warnings = (config: Record<string, unknown>) => resolveConfig(config).warnings;
    expect(warnings({ acme: { email }, routes: [web()] })).toEqual([
      'acme: has no effect, because no route has certificate: auto',
    ]);
    expect(warnings({ routes: [web(terminating({ certificate: 'development', acme: { email } }))] })).toEqual([
      'routes[0].tls.acme: has no effect beside a development certificate',
    ]);
    const unverified = { mode: 'terminate-and-reencrypt', upstream: { verify: false } };
    expect(warnings({ routes: [web(terminating(unverified))] })).toEqual([
      expect.stringContaining('the upstream is not verified'),
    ]);
    expect(warnings({ detectors: { tls: false }, routes: [web(terminating())] })).toHaveLength(1);
    const ordered = web(terminating({ certificate: 'auto' }));
    expect(warnings({ acme: { email }, routes: [ordered] })).toEqual([expect.stringContaining('no client believes')]);
    expect(warnings({ acme: { email, useProduction: false }, routes: [ordered] })).toEqual([]);
  });
});
