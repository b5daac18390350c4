/**
 * Routes that terminate TLS: what a client hello decides, and what is decided behind it, against the naive specification.
 */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { compileAddressList } from '../../src/routing/access.ts';
import { compileHostPattern } from '../../src/routing/match-host.ts';
import { compilePathPattern } from '../../src/routing/match-path.ts';
import type { RoutePlan } from '../../src/routing/plan.ts';
import { orderCandidates } from '../../src/routing/route-order.ts';
import {
  compileListener,
  type MatchQuery,
  type RouteDecision,
  type RouteTable,
  type TlsSubject,
} from '../../src/routing/route-table.ts';
import { runs, seed } from '../support/fuzz.ts';
import {
  detectors,
  listener,
  listenerPort,
  request,
  routes,
  type RouteWish,
  said,
  subject,
  table,
} from './routing-plans.ts';

const settings = (usual: number) => ({ seed: seed(), numRuns: runs(usual) });

const names = ['a.x', 'b.x', 'c.b.x', 'x', 'z'] as const;
const addresses = ['10.0.0.1', '192.168.0.1', '2001:db8::1'] as const;
const offers: readonly string[] = ['h2', 'http/1.1', 'other'];

const wish: fc.Arbitrary<RouteWish> = fc
  .record(
    {
      policy: fc.constantFrom('p', 'p', 'q'),
      domains: fc.uniqueArray(fc.constantFrom('a.x', 'b.x', '*.x', '*.b.x', 'x', '*'), { minLength: 1, maxLength: 2 }),
      protocol: fc.constantFrom('http', 'tcp', 'redis', 'h2c', 'websocket'),
      alpn: fc.uniqueArray(fc.constantFrom('h2', 'http/1.1', 'other'), { minLength: 1, maxLength: 2 }),
      tlsVersion: fc.constantFrom(['TLSv1.3'] as const, ['TLSv1.2', 'TLSv1.3'] as const),
      clientIp: fc.constantFrom(['10.0.0.0/8'], ['192.168.*', '::/0']),
      path: fc.constantFrom('/v1/*', '/health'),
      methods: fc.constant(['GET']),
      priority: fc.constantFrom(0, 0, 5),
      enabled: fc.constantFrom(true, true, true, false),
      serverFirst: fc.constantFrom(null, 300),
    },
    { requiredKeys: [] },
  )
  .map(enforceable);
/** On raw bytes nothing of HTTP can be asked for. */
function enforceable({ path, methods, ...rest }: RouteWish): RouteWish {
  if (rest.protocol === 'tcp' || rest.protocol === 'redis') return rest;
  return { ...rest, ...(path === undefined ? {} : { path }), ...(methods === undefined ? {} : { methods }) };
}

const wishes = fc.array(wish, { minLength: 1, maxLength: 6 });
const terminating = fc.array(
  fc.tuple(wish, fc.constantFrom('p', 'q')).map(([one, policy]) => ({ ...one, policy })),
  { minLength: 1, maxLength: 6 },
);
const serverName = fc.constantFrom(...names, null);
const ip = fc.constantFrom(...addresses);
const offer = fc.subarray([...offers]);
const tls: fc.Arbitrary<TlsSubject> = fc.record({
  version: fc.constantFrom('TLSv1.2' as const, 'TLSv1.3' as const),
  policy: fc.constantFrom('p', 'q'),
  alpn: fc.constantFrom(...offers, null),
  serverName,
});

function compile(list: readonly RouteWish[], ...off: readonly string[]): RouteTable {
  return compileListener(listener(routes(...list)), detectors(...off));
}

function insideOf(compiled: RouteTable): RouteTable {
  if (compiled.inside === null) throw new Error('no route terminates');
  return compiled.inside;
}

/** What a terminating route is to a client hello. */
function onTheWire(one: RouteWish): RouteWish {
  if (one.policy === undefined) return one;
  const kept = ['domains', 'alpn', 'clientIp', 'priority', 'enabled'];
  return { ...Object.fromEntries(Object.entries(one).filter(([key]) => kept.includes(key))), protocol: 'tls' };
}

function indexOf(decision: RouteDecision): number | string {
  return decision.kind === 'route' ? decision.route.index : decision.reason;
}

/** What is known of a connection before anything comes from inside. */
function fits({ match, tls: plan }: RoutePlan, client: string, agreed: TlsSubject): boolean {
  return (
    plan !== null &&
    (match.clientIp === null || compileAddressList(match.clientIp).matches(client)) &&
    (match.alpn === null || (agreed.alpn !== null && match.alpn.includes(agreed.alpn))) &&
    (match.tlsVersion === null || match.tlsVersion.includes(agreed.version))
  );
}

function insideCandidates(plans: readonly RoutePlan[]) {
  return orderCandidates(
    plans.filter((route) => route.tls !== null),
    'inside',
  );
}

function takesProtocol({ match, needsHttp }: RoutePlan, protocol: string | null): boolean {
  if (match.protocol === 'tcp') return true;
  const http = protocol === 'http' || protocol === 'h2c';
  if (match.protocol === null) return http || !needsHttp || (match.http.path === null && match.http.methods === null);
  return match.protocol === 'http' || match.protocol === 'websocket' ? http : match.protocol === protocol;
}

describe('on the wire', () => {
  test('R02: a route that terminates TLS is to a client hello what any TLS route of its names, ALPN and addresses is', () => {
    fc.assert(
      fc.property(wishes, serverName, offer, ip, (list, name, alpn, client) => {
        const hello = subject('tls', name, alpn, client);
        const plain = compile(list.map(onTheWire));
        expect(indexOf(compile(list).decide(hello))).toBe(indexOf(plain.decide(hello)));
      }),
      settings(2_000),
    );
  });

  test('R02: no clear-text client is taken by a route that terminates, and no route of clear text is inside', () => {
    fc.assert(
      fc.property(
        wishes,
        serverName,
        ip,
        fc.constantFrom('http', 'h2c', 'redis', null),
        (list, name, client, spoken) => {
          const compiled = compile(list);
          const { inside } = compiled;
          const plans = routes(...list);
          expect(inside === null).toBe(plans.every((route) => route.tls === null));
          expect(compiled.servesHttp).toBe(plans.some((route) => route.needsHttp && route.tls === null));
          expect(inside?.servesHttp ?? false).toBe(plans.some((route) => route.needsHttp && route.tls !== null));
          const bytes = subject(spoken, name, [], client);
          for (const decision of [compiled.decide(bytes), compiled.decideRequest(request({ ip: client, host: name }))])
            if (decision.kind === 'route') expect(decision.route.tls).toBeNull();
          expect(compiled.serverFirst(bytes)?.tls ?? null).toBeNull();
        },
      ),
      settings(1_000),
    );
  });
});

describe('inside', () => {
  test('R02, M04: bytes behind a handshake get the route that the naive specification gives them', () => {
    fc.assert(
      fc.property(terminating, tls, ip, fc.constantFrom('redis', 'ssh', null), (list, agreed, client, spoken) => {
        const plans = routes(...list);
        const inside = insideOf(compile(list));
        const best = insideCandidates(plans).find(
          ({ route, host }) =>
            route.tls?.policy === agreed.policy &&
            fits(route, client, agreed) &&
            takesProtocol(route, spoken) &&
            (host === null || (agreed.serverName !== null && host.matches(agreed.serverName))),
        );
        const decision = inside.decide({ ...subject(spoken, null, [], client), tls: agreed });
        if (best === undefined) expect(decision.kind).toBe('refused');
        else expect(indexOf(decision)).toBe(best.route.enabled ? best.route.index : 'refused.protocol');
      }),
      settings(2_000),
    );
  });

  test('X05: a request gets the best route of its Host, whatever the SNI was, and 421 where that has another policy', () => {
    fc.assert(
      fc.property(
        terminating,
        tls,
        ip,
        serverName,
        fc.constantFrom('/health', '/v1/x', '/'),
        fc.constantFrom('http' as const, 'h2c' as const),
        (list, agreed, client, host, target, protocol) => {
          const best = insideCandidates(routes(...list)).find(
            (one) =>
              fits(one.route, client, agreed) &&
              takesProtocol(one.route, protocol) &&
              one.route.match.protocol !== 'redis' &&
              one.route.match.protocol !== 'websocket' &&
              (one.route.match.http.path === null || compilePathPattern(one.route.match.http.path).takes(target)) &&
              (one.host === null || (host !== null && one.host.matches(host))),
          );
          const asked = request({ ip: client, host, target, protocol, tls: agreed });
          const decision = insideOf(compile(list)).decideRequest(asked);
          if (best === undefined) expect(decision.kind).toBe('refused');
          else if (best.route.tls?.policy !== agreed.policy)
            expect(decision).toMatchObject({ kind: 'misdirected', route: { index: best.route.index } });
          else expect(said(decision)).toBe(best.route.enabled ? best.route.name : 'refused.protocol');
        },
      ),
      settings(2_000),
    );
  });

  test('M06, M10: what a handshake tells is enough where no byte is needed, also for a server that speaks first', () => {
    fc.assert(
      fc.property(terminating, tls, ip, fc.constantFrom('redis', 'ssh', null), (list, agreed, client, spoken) => {
        const inside = insideOf(compile(list));
        const known = { ip: client, tls: agreed };
        const early = inside.withoutBytes(known);
        const late = inside.decide({ ...subject(spoken, null, [], client), tls: agreed });
        if (early?.kind === 'route') expect(late).toEqual(early);
        if (early?.kind === 'refused') expect(late.kind).toBe('refused');
        const first = inside.serverFirst(known);
        if (first !== null) {
          expect(first.tls?.policy).toBe(agreed.policy);
          expect(fits(first, client, agreed)).toBe(true);
          expect(first.timeouts.values.serverFirst).not.toBeNull();
          const { domains } = first.match;
          const name = agreed.serverName;
          if (domains !== null)
            expect(name !== null && domains.some((one) => compileHostPattern(one).matches(name))).toBe(true);
        }
      }),
      settings(2_000),
    );
  });

  test('X05: nothing behind a handshake leads to a route of another policy', () => {
    fc.assert(
      fc.property(terminating, tls, ip, serverName, (list, agreed, client, host) => {
        const inside = insideOf(compile(list));
        const known = { ip: client, tls: agreed };
        const decisions = [
          inside.withoutBytes(known),
          inside.decide({ ...subject(null), ...known }),
          inside.decideRequest(request({ ...known, host })),
        ];
        for (const decision of decisions)
          if (decision?.kind === 'route') expect(decision.route.tls?.policy).toBe(agreed.policy);
      }),
      settings(1_000),
    );
  });
});

describe('what is offered', () => {
  test('M04: what is agreed to was offered by the client, and is what the best route asks for where it asks', () => {
    fc.assert(
      fc.property(terminating, serverName, offer, ip, (list, name, alpn, client) => {
        const compiled = compile(list);
        const hello = subject('tls', name, alpn, client);
        const decision = compiled.decide(hello);
        if (decision.kind !== 'route') return;
        const { route } = decision;
        const offered = compiled.offeredAlpn(hello, route);
        const agreed = offered.find((one) => alpn.includes(one)) ?? null;
        if (agreed !== null) expect(offered.every((one) => alpn.includes(one))).toBe(true);
        if (route.match.alpn !== null) expect(route.match.alpn).toContain(agreed);
        if (alpn.length === 0) expect(offered).toEqual([]);
        if (alpn.includes('h2') && route.match.alpn === null && ['http', 'h2c'].includes(route.match.protocol ?? ''))
          expect(agreed).not.toBeNull();
      }),
      settings(1_000),
    );
  });

  test('M04: HTTP is offered as h2 and then http/1.1, raw routes agree to nothing, and what nobody speaks fails aloud', () => {
    const offeredBy = (one: RouteWish, ...alpn: string[]) => {
      const compiled = table({ policy: 'p', domains: ['a.x'], ...one });
      const hello = subject('tls', 'a.x', alpn);
      const decision = compiled.decide(hello);
      return decision.kind === 'route' ? compiled.offeredAlpn(hello, decision.route) : null;
    };
    expect(offeredBy({}, 'http/1.1', 'h2')).toEqual(['h2', 'http/1.1']);
    expect(offeredBy({ protocol: 'http' }, 'http/1.1')).toEqual(['http/1.1']);
    expect(offeredBy({ protocol: 'h2c' }, 'http/1.1', 'h2')).toEqual(['h2']);
    expect(offeredBy({ protocol: 'tcp' }, 'h2')).toEqual([]);
    expect(offeredBy({}, 'imap')).toEqual([]);
    expect(offeredBy({ protocol: 'http' }, 'imap')).toEqual(['h2', 'http/1.1']);
    expect(offeredBy({ protocol: 'tcp', alpn: ['imap', 'smtp'] }, 'h2', 'smtp')).toEqual(['smtp']);
  });

  test('M04: a detector that is switched off takes its protocol out of the offer', () => {
    const hello = subject('tls', null, ['h2', 'http/1.1']);
    for (const [off, left] of [
      ['h2c', ['http/1.1']],
      ['http', ['h2']],
    ] as const) {
      const compiled = compile([{ policy: 'p' }], off);
      const decision = compiled.decide(hello);
      expect(decision.kind === 'route' && compiled.offeredAlpn(hello, decision.route)).toEqual(left);
    }
  });
});

describe('explanations', () => {
  test('R04: an explanation goes through the handshake and decides as the tables do', () => {
    fc.assert(
      fc.property(
        wishes,
        fc.constantFrom(...names),
        offer,
        ip,
        fc.constantFrom('/health', '/', undefined),
        fc.constantFrom('http', 'redis', 'tcp', undefined),
        (list, host, alpn, client, path, protocol) => {
          const compiled = compile(list);
          const query: MatchQuery = givenQuery({
            port: listenerPort,
            tls: true,
            host,
            alpn,
            clientIp: client,
            path,
            protocol,
          });
          const answer = compiled.explain(query);
          const hello = subject('tls', host, alpn, client);
          const outer = compiled.withoutBytes({ ip: client, tls: null }) ?? compiled.decide(hello);
          if (outer.kind !== 'route' || outer.route.tls === null) {
            expect(answer.decision).toEqual(outer);
            expect(answer.handshake).toBeNull();
            return;
          }
          expect(answer.handshake).toBe(outer.route);
          const offered = compiled.offeredAlpn(hello, outer.route);
          const agreed: TlsSubject = {
            version: 'TLSv1.3',
            policy: outer.route.tls.policy,
            alpn: offered.find((one) => alpn.includes(one)) ?? null,
            serverName: host,
          };
          expect(answer.decision).toEqual(decidedInside(insideOf(compiled), agreed, client, query, answer.protocol));
          expect(answer.candidates.map(({ route }) => route.name).toSorted()).toEqual(
            routes(...list)
              .map(({ name }) => name)
              .toSorted(),
          );
          for (const { matched, failed, says } of answer.candidates) {
            expect(matched).toBe(failed === null);
            expect(says).toMatch(/^(asks|matches|agrees).*[^.]$/);
          }
          const { decision } = answer;
          if (decision.kind === 'route' || decision.kind === 'misdirected')
            expect(answer.candidates.find(({ route }) => route === decision.route)?.matched).toBe(true);
        },
      ),
      settings(1_000),
    );
  });

  test('R04: a question that says nothing of TLS finds what is inside of it', () => {
    const compiled = table(
      { name: 'web', policy: 'p', domains: ['a.x'], path: '/v1/*' },
      { name: 'admin', policy: 'q', domains: ['admin.x'] },
      { name: 'clear', protocol: 'redis' },
    );
    const explained = (query: Partial<MatchQuery>) => compiled.explain({ port: listenerPort, ...query });
    expect(explained({ host: 'a.x', path: '/v1/x' })).toMatchObject({
      decision: { kind: 'route', route: { name: 'web' } },
      protocol: 'http',
      handshake: { name: 'web' },
      says: 'taken by web after its handshake',
    });
    expect(explained({ host: 'a.x', serverName: 'admin.x', path: '/v1/x' })).toMatchObject({
      decision: { kind: 'misdirected', route: { name: 'web' } },
      says: 'misdirected (421): the request is for web, whose TLS is agreed on otherwise than that of admin',
    });
    expect(explained({ protocol: 'redis' })).toMatchObject({ decision: { route: { name: 'clear' } }, handshake: null });
    expect(explained({ host: 'a.x', path: '/v1/x', tls: false }).decision).toMatchObject({
      reason: 'refused.protocol',
    });
  });
});

function givenQuery(query: { [Key in keyof MatchQuery]: MatchQuery[Key] | undefined } & { port: number }): MatchQuery {
  const { port, ...rest } = query;
  return { port, ...Object.fromEntries(Object.entries(rest).filter(([, value]) => value !== undefined)) };
}

function decidedInside(
  inside: RouteTable,
  agreed: TlsSubject,
  client: string,
  { host = null, path = '/' }: { readonly host?: string | null; readonly path?: string },
  spoken: string | null,
) {
  const known = { ip: client, tls: agreed };
  const early = inside.withoutBytes(known);
  if (early !== null) return early;
  const isHttp = spoken === 'http' || spoken === 'h2c';
  if (isHttp && inside.servesHttp)
    return inside.decideRequest(request({ ...known, host, target: path, protocol: spoken }));
  return inside.decide({ ...subject(spoken, host, [], client), tls: agreed });
}
