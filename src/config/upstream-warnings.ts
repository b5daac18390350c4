/**
 * What of pools, dialers and PROXY headers loads and still deserves a second look: one sentence each, with its place.
 *
 * Read first: `warnings.ts`, `check-upstream.ts`.
 */
import { compileAddressList } from '../routing/access.ts';
import { hostDefault } from './build-plan.ts';
import { checksPolicy, retriesOf } from './build-pool.ts';
import type { Draft, DraftRoute } from './draft.ts';
import { formatDuration } from './duration.ts';
import type { Path } from './path.ts';
import type { Places } from './places.ts';
import { poolOf } from './pool-use.ts';
import type { DialerInput } from './schema-dialer.ts';
import { tlsMode } from './tls-needs.ts';

export function upstreamWarnings(draft: Draft, places: Places): readonly string[] {
  return [
    ...unusedPools(draft, places),
    ...fewerEndpoints(draft, places),
    ...slowChecks(draft, places),
    ...anybodysHeaders(draft, places),
    ...unverifiedDialers(draft, places),
    ...draft.routes.flatMap((route) => underOwnTls(route, draft, places)),
  ];
}

function unusedPools({ sections, routes }: Draft, places: Places): readonly string[] {
  const used = new Set(routes.map(({ route }) => route.action?.pool));
  return Object.keys(sections.pools ?? {})
    .filter((name) => !used.has(name))
    .map((name) => `${places.describe(['pools', name], 'key')}: no route uses this pool`);
}

/** Retries beyond the last endpoint: there is nobody left to ask. */
function fewerEndpoints({ sections }: Draft, places: Places): readonly string[] {
  return Object.entries(sections.pools ?? {}).flatMap(([name, pool]) => {
    const possible = retriesOf(pool);
    if ((pool.retries ?? 0) <= possible) return [];
    const others = possible === 0 ? 'no other endpoint' : `only ${possible} other ${plural(possible, 'endpoint')}`;
    return [
      `${places.describe(['pools', name, 'retries'])}: there ${possible > 1 ? 'are' : 'is'} ${others} to go on to`,
    ];
  });
}

function plural(count: number, noun: string): string {
  return count === 1 ? noun : `${noun}s`;
}

/** An endpoint that hangs is asked more rarely than the interval makes believe. */
function slowChecks({ sections }: Draft, places: Places): readonly string[] {
  return Object.entries(sections.pools ?? {}).flatMap(([name, { health }]) => {
    const { intervalMs, timeoutMs } = checksPolicy(health) ?? { intervalMs: 0, timeoutMs: 0 };
    if (timeoutMs <= intervalMs) return [];
    const place = places.describe(['pools', name, 'health'], 'key');
    const each = formatDuration(timeoutMs + intervalMs);
    return [`${place}: timeout is longer than interval, so that an endpoint that hangs is asked only every ${each}`];
  });
}

const loopback = compileAddressList(['127.0.0.0/8', '::1']);

/** Whoever reaches the port says who it is. */
function anybodysHeaders({ sections }: Draft, places: Places): readonly string[] {
  return Object.entries(sections.listeners ?? {}).flatMap(([port, { host = hostDefault, acceptProxyProtocol }]) => {
    const isAccepted = acceptProxyProtocol !== undefined && acceptProxyProtocol !== false;
    const isAnybodys = acceptProxyProtocol === true || (isAccepted && acceptProxyProtocol.from === undefined);
    if (!isAnybodys || host === 'localhost' || loopback.matches(host)) return [];
    const place = places.describe(['listeners', port, 'acceptProxyProtocol'], 'key');
    return [`${place}: whoever reaches ${host} port ${port} can claim any address; say whom to believe in from`];
  });
}

function unverifiedDialers({ sections, routes }: Draft, places: Places): readonly string[] {
  const dialers: readonly (readonly [Path, DialerInput | undefined])[] = [
    ...Object.entries(sections.pools ?? {}).map(([name, { dialer }]) => [['pools', name, 'dialer'], dialer] as const),
    ...routes.map(({ index, route }) => [['routes', index, 'action', 'dialer'], route.action?.dialer] as const),
  ];
  return dialers.flatMap(([path, dialer]) => {
    if (typeof dialer !== 'object' || dialer.verify !== false) return [];
    const place = places.describe([...path, 'verify']);
    return dialer.pins === undefined
      ? [`${place}: the endpoint is not verified, so whoever stands in between can read and change everything`]
      : [`${place}: the certificate of the endpoint is not verified, only its key is compared`];
  });
}

/** A route that speaks TLS to its upstream by itself, over a dialer that does, too; and checks that speak clear text. */
function underOwnTls(draft: DraftRoute, { sections }: Draft, places: Places): readonly string[] {
  if (tlsMode(draft.raw) !== 'terminate-and-reencrypt') return [];
  const pool = poolOf(draft, sections);
  const name = draft.route.action?.pool ?? '';
  const dialer = pool === undefined ? draft.route.action?.dialer : pool.dialer;
  const dialerPath = pool === undefined ? ['routes', draft.index, 'action', 'dialer'] : ['pools', name, 'dialer'];
  const isTls = typeof dialer === 'object' && dialer.type === 'tls';
  const isClear = pool?.health !== undefined && (pool.health.type ?? 'tcp') !== 'tcp' && !isTls;
  return [
    ...(isTls
      ? [
          `${places.describe(dialerPath, 'key')}: routes[${draft.index}] re-encrypts, so that its TLS goes inside of this one`,
        ]
      : []),
    ...(isClear
      ? [
          `${places.describe(['pools', name, 'health'], 'key')}: routes[${draft.index}] speaks TLS to these endpoints and the check does not; type: tcp only connects`,
        ]
      : []),
  ];
}
