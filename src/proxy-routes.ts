/**
 * What a proxy's users see and change of its routes while it runs.
 *
 * Decides: that lists are validated as in a configuration, all problems at once, before anything changes. Whom a change
 * concerns is decided by `routing/route-access.ts`, what becomes of them by their charts.
 * Read first: `proxy-api.ts` (RouteLists).
 */
import { ConfigError, type ConfigProblem } from './config/problems.ts';
import { addressExpected } from './config/schema-match.ts';
import { ProxyError } from './errors.ts';
import type { Proxy, RouteLists } from './proxy-api.ts';
import type { ProxyRuntime } from './proxy-runtime.ts';
import { parseAddressPattern } from './routing/access.ts';
import type { AccessPlan, RoutePlan } from './routing/plan.ts';

export function proxyRoutes({ plan, access }: ProxyRuntime): Proxy['routes'] {
  return {
    list: () => plan.routes.map((route) => withLists(route, access.listsOf(route))),
    hostnames: () => [...new Set(plan.routes.flatMap((route) => route.match.domains ?? []))].toSorted(),
    restrict: (name, lists) => {
      const routes = plan.routes.filter((route) => route.name === name);
      const [first] = routes;
      if (first === undefined) {
        const known = plan.routes.map((route) => route.name).join(', ');
        throw new ProxyError('SALLYPORT_CONFIG_INVALID', `there is no route ${name}: expected one of ${known}`);
      }
      access.restrict(routes, listsAfter(access.listsOf(first), lists));
    },
  };
}

function withLists(route: RoutePlan, access: AccessPlan | null): RoutePlan {
  return route.access === access ? route : { ...route, access };
}

/** @throws ConfigError with every problem. */
function listsAfter(now: AccessPlan | null, lists: RouteLists): AccessPlan {
  const problems: ConfigProblem[] = [];
  const given: Readonly<Record<string, unknown>> = { ...lists };
  for (const key of Object.keys(given)) {
    if (key !== 'ipAllowList' && key !== 'ipBlockList')
      problems.push(problem(key, 'unknown key', 'ipAllowList, ipBlockList', null));
  }
  if (lists.ipAllowList === undefined && lists.ipBlockList === undefined)
    problems.push(problem('', 'nothing is changed', 'ipAllowList, ipBlockList, or both', null));
  const allow = patternsIn('ipAllowList', given['ipAllowList'], now?.allow ?? null, problems);
  const block = patternsIn('ipBlockList', given['ipBlockList'], now?.block ?? null, problems);
  if (problems.length > 0) throw new ConfigError(problems, null);
  return { allow, block: block ?? [] };
}

/** One list: `undefined` leaves it as it is, null is none. */
function patternsIn(
  key: string,
  given: unknown,
  now: readonly string[] | null,
  problems: ConfigProblem[],
): readonly string[] | null {
  if (given === undefined) return now;
  if (given === null) return null;
  const patterns: readonly unknown[] = Array.isArray(given) ? given : [given];
  if (patterns.length === 0)
    problems.push(problem(key, 'a list of nobody', `${addressExpected}; null for no list`, '[]'));
  return patterns.flatMap((pattern, at) => {
    const path = Array.isArray(given) ? `${key}[${at}]` : key;
    const wrong = typeof pattern === 'string' ? parseAddressPattern(pattern) : 'is no text';
    if (typeof pattern === 'string' && wrong === null) return [pattern];
    problems.push(problem(path, `this ${wrong}`, addressExpected, String(pattern)));
    return [];
  });
}

function problem(path: string, message: string, expected: string, got: string | null): ConfigProblem {
  return { path, file: null, line: null, col: null, message, expected, got, suggestion: null };
}
