/**
 * The route table against its specification, written naively, for any routes and any client.
 */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { builtinDetectors } from '../../src/protocols/builtin-detectors.ts';
import { compileAddressList } from '../../src/routing/access.ts';
import { compileHostPattern } from '../../src/routing/match-host.ts';
import type { RoutePlan } from '../../src/routing/plan.ts';
import {
  compileListener,
  type MatchQuery,
  orderRoutes,
  type RouteSubject,
  type RouteTable,
} from '../../src/routing/route-table.ts';
import { runs, seed } from '../support/fuzz.ts';
import { detectors, listener, listenerPort, request, routes, type RouteWish, said } from './routing-plans.ts';

const settings = (usual: number) => ({ seed: seed(), numRuns: runs(usual) });

describe('the specification', () => {
  const somePattern = fc.constantFrom('a.x', 'b.x', '*.x', 'x', 'x.*', '*.b.x', 'a*.x', '*', '*.y', 'a.*');
  const wish: fc.Arbitrary<RouteWish> = fc.record(
    {
      domains: fc.uniqueArray(somePattern, { minLength: 1, maxLength: 3 }),
      protocol: fc.constantFrom('tls', 'http', 'redis', 'tcp', 'mine'),
      alpn: fc.uniqueArray(fc.constantFrom('h2', 'http/1.1'), { minLength: 1 }),
      clientIp: fc.uniqueArray(fc.constantFrom('10.0.0.0/8', '10.0.0.1', '192.168.*', '*', '::/0'), {
        minLength: 1,
        maxLength: 2,
      }),
      priority: fc.constantFrom(0, 0, 0, 5),
      enabled: fc.constantFrom(true, true, true, false),
      ports: fc.constantFrom(
        [{ from: 443, to: 443 }],
        [{ from: 400, to: 500 }],
        [
          { from: 1, to: 443 },
          { from: 8000, to: 9000 },
        ],
      ),
      serverFirst: fc.constantFrom(null, 300, 700),
    },
    { requiredKeys: [] },
  );
  const wishes = fc.array(wish, { maxLength: 6 });
  const someClient: fc.Arbitrary<RouteSubject> = fc
    .record({
      ip: fc.constantFrom('10.0.0.1', '::ffff:10.0.0.1', '10.9.9.9', '192.168.0.1', '203.0.113.1', '2001:db8::1'),
      protocol: fc.constantFrom('tls', 'http', 'h2c', 'redis', 'mine', 'ssh', null),
      serverName: fc.constantFrom('a.x', 'b.x', 'c.x', 'a.b.x', 'x', 'x.y', 'a.y', 'ab.x', 'z', null),
      alpn: fc.subarray(['h2', 'http/1.1', 'other']),
    })
    .map(({ ip, protocol, serverName, alpn }) => ({
      ip,
      protocol,
      preface: protocol === null ? null : { serverName, alpn },
      tls: null,
    }));

  /** Criterion by criterion, straight from what they mean. */
  function takes(route: RoutePlan, client: RouteSubject, domain: string | null): boolean {
    const { match } = route;
    if (match.clientIp !== null && !compileAddressList(match.clientIp).matches(client.ip)) return false;
    if (!isSpokenFor(route, client.protocol)) return false;
    if (match.alpn !== null && !match.alpn.some((name) => client.preface?.alpn.includes(name))) return false;
    const name = client.preface?.serverName ?? null;
    return domain === null || (name !== null && compileHostPattern(domain).matches(name));
  }

  function isSpokenFor({ match }: RoutePlan, protocol: string | null): boolean {
    const isNamed = match.protocol !== null && match.protocol !== 'tcp';
    if (isNamed && match.protocol !== protocol && !(match.protocol === 'http' && protocol === 'h2c')) return false;
    if (match.alpn !== null && protocol !== 'tls') return false;
    if (match.domains === null || isNamed || protocol === 'tls' || protocol === 'http') return true;
    return protocol === 'h2c' && match.protocol === null;
  }

  /** Every way to every route, each with the numbers of its rank; the greatest in the first place where they differ wins. */
  function ways(plans: readonly RoutePlan[]): readonly { readonly route: RoutePlan; readonly domain: string | null }[] {
    const all = plans.flatMap((route) => (route.match.domains ?? [null]).map((domain) => ({ route, domain })));
    const widths = new Map([
      ['*', 0],
      ['::/0', 1],
      ['10.0.0.0/8', 105],
      ['192.168.*', 113],
      ['10.0.0.1', 129],
    ]);
    const rank = ({ route, domain }: { route: RoutePlan; domain: string | null }): readonly number[] => [
      route.priority,
      domain === null ? 0 : compileHostPattern(domain).specificity,
      (route.match.protocol === null || route.match.protocol === 'tcp') && route.match.alpn === null ? 0 : 1,
      route.match.alpn === null ? 0 : 1,
      route.match.clientIp === null ? -1 : Math.min(...route.match.clientIp.map((pattern) => widths.get(pattern) ?? 0)),
      -route.match.ports.map(({ from, to }) => to - from + 1).reduce((sum, size) => sum + size),
      -route.index,
    ];
    return all.toSorted((one, other) => {
      const [mine, theirs] = [rank(one), rank(other)];
      const place = mine.findIndex((value, index) => value !== theirs[index]);
      return place < 0 ? 0 : (theirs[place] ?? 0) - (mine[place] ?? 0);
    });
  }

  function decideNaively(plans: readonly RoutePlan[], off: readonly string[], client: RouteSubject): string {
    if (client.protocol !== null && off.includes(client.protocol)) return 'refused.protocol';
    const best = ways(plans).find(({ route, domain }) => takes(route, client, domain));
    if (best !== undefined) return best.route.enabled ? best.route.name : 'refused.protocol';
    const isKnown = plans.length === 0 || plans.some((route) => route.enabled && isSpokenFor(route, client.protocol));
    return isKnown ? 'refused.route' : 'refused.protocol';
  }

  function asksForBytes({ match }: RoutePlan): boolean {
    return match.domains !== null || match.alpn !== null || (match.protocol !== null && match.protocol !== 'tcp');
  }

  function takesIp(route: RoutePlan, ip: string): boolean {
    return route.match.clientIp === null || compileAddressList(route.match.clientIp).matches(ip);
  }

  /** Where HTTP is served, a client that speaks it is asked about as `GET /`. */
  function answerTo(compiled: RouteTable, { ip, protocol, preface }: RouteSubject) {
    if (!compiled.servesHttp || (protocol !== 'http' && protocol !== 'h2c')) {
      return compiled.decide({ ip, protocol, preface, tls: null });
    }
    return compiled.decideRequest(request({ ip, protocol, host: preface?.serverName ?? null }));
  }

  const someOff = fc.subarray(['redis', 'ssh', 'tls'], { maxLength: 1 });

  test('R01, R02, R06, M04: the table decides as the naive specification does', () => {
    fc.assert(
      fc.property(
        wishes,
        someOff,
        fc.array(someClient, { minLength: 1, maxLength: 8 }),
        (list, switchedOff, clients) => {
          const plans = routes(...list);
          const compiled = compileListener(listener(plans), detectors(...switchedOff));
          for (const each of clients) expect(said(compiled.decide(each))).toBe(decideNaively(plans, switchedOff, each));
        },
      ),
      settings(3_000),
    );
  });

  test('R02: the order in which a listener’s routes are handed over makes no difference', () => {
    fc.assert(
      fc.property(
        wishes.chain((list) =>
          fc.tuple(fc.constant(list), fc.shuffledSubarray([...list.keys()], { minLength: list.length })),
        ),
        someClient,
        ([list, permutation], each) => {
          const plans = routes(...list);
          const shuffled = permutation.flatMap((index) => plans[index] ?? []);
          expect(orderRoutes(shuffled)).toEqual(orderRoutes(plans));
          expect(compileListener(listener(shuffled), detectors()).decide(each)).toEqual(
            compileListener(listener(plans), detectors()).decide(each),
          );
        },
      ),
      settings(1_000),
    );
  });

  test('M06, R06: what needs no byte is decided without one, and bytes could not have changed it', () => {
    fc.assert(
      fc.property(wishes, someClient, (list, each) => {
        const plans = routes(...list);
        const compiled = compileListener(listener(plans), detectors());
        const first = ways(plans).find(({ route }) => takesIp(route, each.ip));
        const early = compiled.withoutBytes(each);
        if (first === undefined) expect(said(early)).toBe('refused.route');
        else if (asksForBytes(first.route)) expect(early).toBeNull();
        else expect(early).toEqual(compiled.decide(each));
      }),
      settings(2_000),
    );
  });

  test('M01, M04: exactly the detectors are asked that a route needs or that are switched off, in their order', () => {
    fc.assert(
      fc.property(wishes, someOff, (list, switchedOff) => {
        const plans = routes(...list);
        const asked = compileListener(listener(plans), detectors(...switchedOff)).detectors.map(
          (detector) => detector.name,
        );
        const needed = builtinDetectors
          .map((detector) => detector.name)
          .filter((name) => {
            if (switchedOff.includes(name)) return plans.some(asksForBytes);
            if (name === 'http' || name === 'h2c')
              return plans.some((route) => route.needsHttp || (asksForBytes(route) && isSpokenFor(route, name)));
            return plans.some((route) => asksForBytes(route) && isSpokenFor(route, name));
          });
        expect(asked).toEqual(needed);
      }),
      settings(1_000),
    );
  });

  test('M10: a silent client gets the first route that declares serverFirst, asks for no name, and whose clients do not speak first', () => {
    fc.assert(
      fc.property(wishes, someClient, (list, { ip }) => {
        const plans = routes(...list);
        const compiled = compileListener(listener(plans), detectors());
        const able = ways(plans)
          .map(({ route }) => route)
          .filter(
            (route) =>
              route.enabled &&
              route.match.domains === null &&
              route.match.alpn === null &&
              route.timeouts.values.serverFirst !== null &&
              !['tls', 'http', 'h2c', 'redis', 'postgres', 'socks'].includes(route.match.protocol ?? 'tcp'),
          );
        expect(compiled.serverFirst({ ip, tls: null })).toBe(able.find((route) => takesIp(route, ip)) ?? null);
        const waits = able.map((route) => route.timeouts.values.serverFirst ?? Infinity);
        expect(compiled.serverFirstMs).toBe(able.length === 0 ? null : Math.min(...waits));
      }),
      settings(1_000),
    );
  });

  test('R01: an explanation agrees with the decision, and every candidate that failed names a criterion', () => {
    fc.assert(
      fc.property(wishes, someClient, (list, each) => {
        const compiled = compileListener(listener(routes(...list)), detectors());
        const query: MatchQuery = {
          port: listenerPort,
          clientIp: each.ip,
          protocol: each.protocol ?? 'tcp',
          ...(each.preface?.serverName === null || each.preface === null ? {} : { host: each.preface.serverName }),
          alpn: each.preface?.alpn ?? [],
        };
        const explanation = compiled.explain(query);
        expect(explanation.decision).toEqual(compiled.withoutBytes(each) ?? answerTo(compiled, each));
        expect(explanation.candidates.map((candidate) => candidate.route)).toEqual(orderRoutes(routes(...list)));
        for (const candidate of explanation.candidates) {
          expect(candidate.matched).toBe(candidate.failed === null);
          expect(candidate.says).toMatch(/^(asks|matches).*[^.]$/);
        }
        const taken = explanation.decision.kind === 'route' ? explanation.decision.route : null;
        if (taken !== null)
          expect(explanation.candidates.find((candidate) => candidate.route.name === taken.name)?.matched).toBe(true);
      }),
      settings(1_000),
    );
  });
});
