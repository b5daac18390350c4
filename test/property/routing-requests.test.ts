/**
 * The route of a request against its specification, written naively, for any routes and any request.
 */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { compileAddressList } from '../../src/routing/access.ts';
import type { HttpMatch } from '../../src/routing/http-plan.ts';
import { compileHostPattern } from '../../src/routing/match-host.ts';
import type { RoutePlan, TargetPlan } from '../../src/routing/plan.ts';
import {
  compileListener,
  orderRoutes,
  type RequestDecision,
  type RequestSubject,
} from '../../src/routing/route-table.ts';
import { runs, seed } from '../support/fuzz.ts';
import { detectors, forward, httpMatch, listener, request, routes, type RouteWish, said } from './routing-plans.ts';

const settings = (usual: number) => ({ seed: seed(), numRuns: runs(usual) });

/** Targets as they are sent, and the path that is meant; null where there is none. */
const meant: Readonly<Record<string, string | null>> = {
  '/': '/',
  '/a': '/a',
  '/a/': '/a/',
  '/a/b': '/a/b',
  '/a/b/c': '/a/b/c',
  '/b': '/b',
  '/b/a': '/b/a',
  '//a//b': '/a/b',
  '/%61/./b': '/a/b',
  '/b/../a': '/a',
  '/a%2Fb': '/a%2Fb',
  '/a%2fb/c': '/a%2Fb/c',
  '/a/b?v=1': '/a/b',
  '/a?v=2&w=x+y': '/a',
  '/b?v=%31&v=3': '/b',
  '/a/b/?w=x%20y&v': '/a/b/',
  '*': '*',
  '/..': null,
  '/a%00': null,
};

/** What a pattern takes, as a regular expression: slow, but readable at a glance. */
function obviousPath(pattern: string): RegExp {
  const body = pattern.replace(/\/\*$/, '').replaceAll(/:\w+/g, '[^/]+');
  return new RegExp(`^${body}${pattern.endsWith('/*') ? '(?:/.*)?' : ''}$`);
}

const patternRanks: Readonly<Record<string, readonly [number, number, number, number]>> = {
  '/': [3, 1, 1, 0],
  '/a': [3, 1, 1, 1],
  '/a/b': [3, 2, 2, 2],
  '/:x': [2, 1, 0, 0],
  '/a/:x': [2, 2, 1, 1],
  '/:x/b': [2, 2, 1, 1],
  '/:x/:y': [2, 2, 0, 0],
  '/*': [1, 0, 0, 0],
  '/a/*': [1, 1, 1, 1],
  '/:x/*': [1, 1, 0, 0],
  '/a/:x/*': [1, 2, 1, 1],
};

const somePath = fc.constantFrom(...Object.keys(patternRanks));
const someHeaders = fc.subarray([
  { name: 'x-tenant', pattern: '/^a/' },
  { name: 'x-tenant', pattern: '*z' },
  { name: 'accept', pattern: 'json' },
]);
const someQuery = fc.subarray([
  { name: 'v', pattern: '1' },
  { name: 'v', pattern: '*' },
  { name: 'w', pattern: 'x y' },
]);
const someMethods = fc.subarray(['GET', 'POST', 'OPTIONS'], { minLength: 1 });
const someMatch: fc.Arbitrary<HttpMatch> = fc
  .record({ path: somePath, methods: someMethods, headers: someHeaders, query: someQuery }, { requiredKeys: [] })
  .map(httpMatch);

const wish: fc.Arbitrary<RouteWish> = fc.record(
  {
    domains: fc.uniqueArray(fc.constantFrom('a.x', 'b.x', '*.x', 'a.*', '*'), { minLength: 1, maxLength: 2 }),
    protocol: fc.constantFrom('tcp', 'tls', 'http', 'http', 'h2c', 'websocket', 'redis'),
    alpn: fc.constant(['h2']),
    clientIp: fc.constantFrom(['10.0.0.0/8'], ['10.0.0.1'], ['*']),
    priority: fc.constantFrom(0, 0, 0, 5),
    enabled: fc.constantFrom(true, true, true, false),
    ports: fc.constantFrom([{ from: 443, to: 443 }], [{ from: 400, to: 500 }], [{ from: 80, to: 80 }]),
    path: somePath,
    methods: someMethods,
    headers: someHeaders,
    query: someQuery,
    action: fc.oneof(
      fc
        .array(fc.record({ match: fc.option(someMatch) }), { minLength: 1, maxLength: 3 })
        .map((all) => forward(...all)),
      fc.constant({ type: 'block', how: 'fin' } as const),
    ),
  },
  { requiredKeys: [] },
);
const pathsOnly: fc.Arbitrary<RouteWish> = fc.record(
  { path: somePath, priority: fc.constantFrom(0, 0, 5), methods: someMethods },
  { requiredKeys: ['path'] },
);
/** Mostly few routes with many criteria; sometimes so many on one host, or on none, that they are found by index. */
const wishes = fc.oneof(
  fc.array(wish, { maxLength: 6 }),
  fc
    .tuple(
      fc.boolean(),
      fc.array(fc.oneof(pathsOnly, wish), { minLength: 9, maxLength: 20 }),
      fc.array(wish, { maxLength: 2 }),
    )
    .map(([isOnOneHost, many, others]) => [
      ...many.map((each) => (isOnOneHost ? { ...each, domains: ['a.x'] } : each)),
      ...others,
    ]),
);

const someRequest: fc.Arbitrary<RequestSubject> = fc
  .record({
    ip: fc.constantFrom('10.0.0.1', '::ffff:10.9.9.9', '203.0.113.1'),
    protocol: fc.constantFrom('http' as const, 'http' as const, 'h2c' as const),
    isWebSocket: fc.constantFrom(false, false, true),
    host: fc.constantFrom('a.x', 'b.x', 'c.x', 'a.y', 'z', null),
    method: fc.constantFrom('GET', 'POST', 'OPTIONS', 'get'),
    target: fc.constantFrom(...Object.keys(meant)),
    fields: fc
      .array(fc.constantFrom(['X-Tenant', 'abz'], ['x-tenant', 'b'], ['Accept', 'json'], ['accept', 'JSON']), {
        maxLength: 3,
      })
      .map((all) => all.flat()),
  })
  .map(request);

/** Criterion by criterion, straight from what they mean. */
function takesHttp({ path, methods, headers, query }: HttpMatch, subject: RequestSubject): boolean {
  const sent = meant[subject.target];
  if (path !== null && (sent === '*' || sent === undefined || sent === null || !obviousPath(path).test(sent)))
    return false;
  if (methods !== null && !methods.includes(subject.method)) return false;
  const fields = pairsOf(subject.fields).map(([name, value]): Pair => [name.toLowerCase(), value]);
  const parameters = [...new URLSearchParams(subject.target.split('?')[1] ?? '')];
  return [
    ...headers.map((criterion) => ({ criterion, pairs: fields })),
    ...query.map((criterion) => ({ criterion, pairs: parameters })),
  ].every(({ criterion, pairs }) =>
    pairs.some(([name, value]) => name === criterion.name && isValue(criterion.pattern, value)),
  );
}

type Pair = readonly [string, string];

function pairsOf(fields: readonly string[]): readonly Pair[] {
  return fields.flatMap((name, index): readonly Pair[] => (index % 2 === 0 ? [[name, fields[index + 1] ?? '']] : []));
}

function isValue(pattern: string, value: string): boolean {
  if (pattern === '/^a/') return value.startsWith('a');
  if (pattern === '*z') return value.endsWith('z');
  return pattern === '*' || value === pattern;
}

function isSpokenFor({ match }: RoutePlan, { protocol, isWebSocket }: RequestSubject): boolean {
  if (match.alpn !== null) return false;
  if (match.protocol === 'websocket') return isWebSocket;
  if (match.protocol === 'h2c') return protocol === 'h2c';
  return match.protocol === null || match.protocol === 'tcp' || match.protocol === 'http';
}

function targetsFor({ action }: RoutePlan, subject: RequestSubject): readonly TargetPlan[] {
  if (action.type !== 'forward') return [];
  return action.targets.filter(({ match }) => match === null || takesHttp(match, subject));
}

function takes(route: RoutePlan, subject: RequestSubject, domain: string | null): boolean {
  const { match, action } = route;
  if (!match.ports.some(({ from, to }) => from <= 443 && 443 <= to)) return false;
  if (match.clientIp !== null && !compileAddressList(match.clientIp).matches(subject.ip)) return false;
  if (domain !== null && (subject.host === null || !compileHostPattern(domain).matches(subject.host))) return false;
  if (!isSpokenFor(route, subject) || !takesHttp(match.http, subject)) return false;
  return action.type !== 'forward' || targetsFor(route, subject).length > 0;
}

interface Way {
  readonly route: RoutePlan;
  readonly domain: string | null;
}

/** Every way to every route, best first: the documented order, number by number. */
function ways(plans: readonly RoutePlan[]): readonly Way[] {
  const widths = new Map([
    ['*', 0],
    ['10.0.0.0/8', 105],
    ['10.0.0.1', 129],
  ]);
  const rank = ({ route: { match, priority, index }, domain }: Way): readonly number[] => [
    priority,
    domain === null ? 0 : compileHostPattern(domain).specificity,
    ...(patternRanks[match.http.path ?? ''] ?? [0, 0, 0, 0]),
    match.http.methods === null ? -99 : -match.http.methods.length,
    match.http.headers.length,
    match.http.query.length,
    (match.protocol === null || match.protocol === 'tcp') && match.alpn === null ? 0 : 1,
    match.alpn === null ? 0 : 1,
    match.clientIp === null ? -1 : Math.min(...match.clientIp.map((pattern) => widths.get(pattern) ?? 0)),
    -match.ports.map(({ from, to }) => to - from + 1).reduce((sum, size) => sum + size),
    -index,
  ];
  const all = plans.flatMap((route) => (route.match.domains ?? [null]).map((domain) => ({ route, domain })));
  return all.toSorted((one, other) => {
    const [mine, theirs] = [rank(one), rank(other)];
    const place = mine.findIndex((value, index) => value !== theirs[index]);
    return place < 0 ? 0 : (theirs[place] ?? 0) - (mine[place] ?? 0);
  });
}

function decideNaively(plans: readonly RoutePlan[], off: readonly string[], subject: RequestSubject): string {
  if (off.includes(subject.protocol)) return 'refused.protocol';
  if (meant[subject.target] === null) return 'malformed';
  const best = ways(plans).find(({ route, domain }) => takes(route, subject, domain));
  if (best !== undefined) return best.route.enabled ? best.route.name : 'refused.protocol';
  const here = plans.filter(({ match }) => match.ports.some(({ from, to }) => from <= 443 && 443 <= to));
  const isKnown = here.length === 0 || here.some((route) => route.enabled && isSpokenFor(route, subject));
  return isKnown ? 'refused.route' : 'refused.protocol';
}

const tableOf = (plans: readonly RoutePlan[], ...off: readonly string[]) =>
  compileListener(listener(plans), detectors(...off));
const takenBy = (decision: RequestDecision) => (decision.kind === 'route' ? decision : null);

describe('the specification of requests', () => {
  test('R02, R03, R06, R11, M04: every request gets the route, and the targets, that the naive specification gives it', () => {
    fc.assert(
      fc.property(
        wishes,
        fc.subarray(['h2c', 'redis'], { maxLength: 1 }),
        fc.array(someRequest, { minLength: 1, maxLength: 8 }),
        (list, off, requests) => {
          const plans = routes(...list);
          const compiled = tableOf(plans, ...off);
          for (const each of requests) {
            const decision = compiled.decideRequest(each);
            expect(said(decision)).toBe(decideNaively(plans, off, each));
            const taken = takenBy(decision);
            if (taken !== null) expect(taken.targets).toEqual(targetsFor(taken.route, each));
          }
        },
      ),
      settings(1_500),
    );
  });

  test('R02: the order is total: however the routes are handed over, they are tried in the same order', () => {
    fc.assert(
      fc.property(
        wishes.chain((list) =>
          fc.tuple(fc.constant(routes(...list)), fc.shuffledSubarray([...list.keys()], { minLength: list.length })),
        ),
        someRequest,
        ([plans, permutation], each) => {
          const shuffled = permutation.flatMap((index) => plans[index] ?? []);
          expect(orderRoutes(shuffled)).toEqual(orderRoutes(plans));
          expect(tableOf(shuffled).decideRequest(each)).toEqual(tableOf(plans).decideRequest(each));
        },
      ),
      settings(300),
    );
  });

  test('R02, R11: a route that is added changes who takes a request only by taking it itself, and never from a higher priority', () => {
    fc.assert(
      fc.property(wishes, wish, someRequest, (list, added, each) => {
        const before = takenBy(tableOf(routes(...list)).decideRequest(each));
        const after = takenBy(tableOf(routes(...list, { ...added, name: 'added' })).decideRequest(each));
        if (before !== null && before.route.priority > (added.priority ?? 0)) expect(after).toEqual(before);
        if (after !== null && after.route.name !== 'added') expect(after.route.name).toBe(before?.route.name);
      }),
      settings(600),
    );
  });

  test('R03: what a path finds adds up to the path: match and remainder are its two parts', () => {
    fc.assert(
      fc.property(wishes, someRequest, (list, each) => {
        const taken = takenBy(tableOf(routes(...list)).decideRequest(each));
        if (taken !== null) expect(taken.path.pathMatch + taken.path.pathRemainder).toBe(meant[each.target]);
      }),
      settings(600),
    );
  });

  test('R04: an explanation decides as the table does, and says of every candidate what failed, or that it matches', () => {
    fc.assert(
      fc.property(wishes, someRequest, (list, each) => {
        const compiled = tableOf(routes(...list));
        fc.pre(
          compiled.servesHttp &&
            compiled.withoutBytes(each) === null &&
            (each.protocol === 'http' || !each.isWebSocket),
        );
        const headers: Record<string, string[]> = {};
        for (const [name, value] of pairsOf(each.fields)) (headers[name] ??= []).push(value);
        const explained = compiled.explain({
          port: 443,
          clientIp: each.ip,
          protocol: each.isWebSocket ? 'websocket' : each.protocol,
          ...(each.host === null ? {} : { host: each.host }),
          method: each.method,
          path: each.target,
          headers,
        });
        const decision = compiled.decideRequest(each);
        expect(explained.decision).toEqual(decision);
        const matched = explained.candidates.filter((candidate) => candidate.matched).map(({ route }) => route);
        for (const { failed, matched: isMatched, says } of explained.candidates) {
          expect(isMatched).toBe(failed === null);
          expect(says).toMatch(/^(?:asks for|matches)/);
        }
        if (decision.kind === 'route') expect(matched).toContain(decision.route);
        if (said(decision) === 'refused.route') expect(matched).toEqual([]);
      }),
      settings(600),
    );
  });
});
