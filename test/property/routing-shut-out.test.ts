/**
 * Whom the lists of a whole listener shut out before a byte, and whom they must not.
 */
import { describe, expect, test } from 'vitest';
import { resolveConfig } from '../../src/config/resolve.ts';
import { Sniffer } from '../../src/io/sniffer.ts';
import { RouteAccess } from '../../src/routing/route-access.ts';
import { compileListener } from '../../src/routing/route-table.ts';
import { ShuttingOut } from '../../src/routing/shut-out.ts';
import { clientHello } from '../support/tls-hello.ts';

const action = { type: 'forward', target: { host: '127.0.0.1', port: 3000 } };
const tls = { mode: 'terminate', certificate: 'auto' };
const not9 = { ipBlockList: ['203.0.113.9'] };
const only7 = { ipAllowList: ['203.0.113.7'] };

interface World {
  readonly config?: object;
  readonly isProving?: boolean;
}

/** How port 443 looks at clients, and what may change its lists. */
function port443(routes: readonly object[], { config = {}, isProving = false }: World = {}) {
  const named = routes.map((route, index) => ({ name: `r${index}`, action, ...route }));
  const plan = resolveConfig({ acme: { email: 'ops@site.dev', useProduction: true }, ...config, routes: named });
  const listener = plan.listeners.find(({ port }) => port === 443);
  if (listener === undefined) throw new Error('nothing listens there');
  const access = new RouteAccess(plan.routes, plan.trustedProxies);
  const known = plan.detectors.map(({ detector }) => detector);
  const sniffer = new Sniffer(compileListener(listener, plan.detectors, access), known, () => isProving);
  return {
    sniffer,
    restrict: (index: number, block: readonly string[]) =>
      access.restrict(
        plan.routes.filter((route) => route.name === `r${index}`),
        { allow: null, block },
      ),
    first: (ip: string) => sniffer.first({ ip, tls: null }),
  };
}

const refused = { kind: 'refused', reason: 'refused.address' };
const at = (more: object = {}) => ({ ports: 443, ...more });

describe('X01, X02, X03: an address that no route of the port lets pass', () => {
  test.each([
    ['HTTP', [{ match: at({ protocol: 'http' }), security: not9 }]],
    ['terminated TLS', [{ match: at({ domains: 'a.dev' }), tls, security: not9 }]],
    ['TLS that is passed through', [{ match: at({ domains: 'a.dev', protocol: 'tls' }), security: not9 }]],
    ['ssh', [{ match: at({ protocol: 'ssh' }), security: not9 }]],
    [
      'both of two',
      [
        { match: at({ path: '/a' }), security: not9 },
        { match: at({ path: '/b' }), security: only7 },
      ],
    ],
    [
      'all that are for it',
      [
        { match: at({ path: '/a' }), security: not9 },
        { match: at({ path: '/b', clientIp: '10.0.0.0/8' }) },
        { match: at({ path: '/c' }), enabled: false },
      ],
    ],
  ])('is refused before a byte: %s', (_, routes) => {
    const { first } = port443(routes);
    expect(first('203.0.113.9')).toMatchObject(refused);
    expect(first('::ffff:203.0.113.9')).toMatchObject(refused);
    expect(first('203.0.113.7')).toBeNull();
  });

  test('is told by the only route, and by none where there are several', () => {
    const one = port443([{ match: at({ protocol: 'http' }), security: not9 }]).first('203.0.113.9');
    expect(one).toMatchObject({ route: { name: 'r0' }, detail: 'the lists of r0 do not let this address pass' });
    const routes = ['/a', '/b'].map((path) => ({ match: at({ path }), security: not9 }));
    const detail = 'no route of this port lets this address pass';
    expect(port443(routes).first('203.0.113.9')).toMatchObject({ route: null, detail });
  });
});

describe('X01: nobody else is refused before a byte', () => {
  test.each([
    ['one route has no lists', [{ match: at({ path: '/a' }), security: not9 }, { match: at({ path: '/b' }) }]],
    [
      'one route has other lists',
      [
        { match: at({ path: '/a' }), security: only7 },
        { match: at({ path: '/b' }), security: { ipAllowList: '203.0.113.9' } },
      ],
    ],
    [
      'the route for its address has no lists',
      [{ match: at({ path: '/a' }), security: not9 }, { match: at({ path: '/b', clientIp: '203.0.113.0/24' }) }],
    ],
  ])('where %s', (_, routes) => {
    expect(port443(routes).first('203.0.113.9')).toBeNull();
  });

  test('P07: a trusted proxy that brings requests is not judged by its own address, one that brings bytes is', () => {
    const config = { trustedProxies: '203.0.113.0/24' };
    const http = [{ match: at({ protocol: 'http' }), security: not9 }];
    const inside = [{ match: at({ domains: 'a.dev' }), tls, security: not9 }];
    const raw = [{ match: at({ protocol: 'ssh' }), security: not9 }];
    expect(port443(http, { config }).first('203.0.113.9')).toBeNull();
    expect(port443(inside, { config }).first('203.0.113.9')).toBeNull();
    expect(port443(raw, { config }).first('203.0.113.9')).toMatchObject(refused);
    expect(port443(http, { config: { trustedProxies: '203.0.113.8' } }).first('203.0.113.9')).toMatchObject(refused);
  });

  test('S05: an authority that validates is waited for, and then everybody else is refused by the first bytes', () => {
    const acme = { email: 'ops@site.dev', useProduction: true, challenges: ['tls-alpn-01'] };
    const routes = [{ match: at({ domains: 'a.dev' }), tls, security: not9 }];
    const { sniffer, first } = port443(routes, { config: { acme }, isProving: true });
    const client = { ip: '203.0.113.9', tls: null };
    expect(first(client.ip)).toBeNull();
    const hello = (alpn: readonly string[]) => sniffer.look(client, clientHello({ serverName: 'a.dev', alpn }), false);
    expect(hello(['acme-tls/1'])).toMatchObject({ ...refused, sighting: { protocol: 'tls' } });
    expect(hello(['h2'])).toMatchObject({ ...refused, sighting: { protocol: null } });
  });

  test('where there are more different lists than are worth asking about, whose lists decide is seen from the bytes', () => {
    const many = (count: number) =>
      Array.from({ length: count }, (_, index) => ({
        match: at({ path: `/${index}` }),
        security: { ipAllowList: `198.51.100.${index}` },
      }));
    expect(port443(many(100)).first('203.0.113.9')).toMatchObject(refused);
    expect(port443(many(101)).first('203.0.113.9')).toBeNull();
    const alike = Array.from({ length: 300 }, (_, index) => ({ match: at({ path: `/${index}` }), security: not9 }));
    expect(port443(alike).first('203.0.113.9')).toMatchObject(refused);
  });
});

test('S05: a port without routes, where names are proved, shuts nobody out', () => {
  expect(new ShuttingOut([], new RouteAccess([]), false).of('203.0.113.9')).toBeNull();
});

test('P07: lists that change shut out, and let in again, from the next client on', () => {
  const { first, restrict } = port443([{ match: at({ path: '/a' }), security: not9 }, { match: at({ path: '/b' }) }]);
  expect(first('203.0.113.9')).toBeNull();
  restrict(1, ['203.0.113.0/24']);
  expect(first('203.0.113.9')).toMatchObject(refused);
  expect(first('203.0.113.8')).toBeNull();
  restrict(0, []);
  expect(first('203.0.113.9')).toBeNull();
});
