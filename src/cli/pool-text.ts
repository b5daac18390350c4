/**
 * Pools, endpoints and dialers in few words, for lists.
 *
 * Must never do: show credentials; of a proxy only its address is told. Read first: `../routing/pool-plan.ts`.
 */
import { formatDuration } from '../config/duration.ts';
import type { DialerPlan, EndpointPlan, HashKey, PoolPlan } from '../routing/pool-plan.ts';
import { addressOf } from './reachability.ts';

/** `10.0.0.5:443`, `the records of _db._tcp.a.example`, `unix:/run/db.sock`, with its weight and cap where it has some. */
export function describeEndpoint({ source, weight, maxConnections }: EndpointPlan): string {
  const own = [
    ...(weight === 1 ? [] : [`weight ${weight}`]),
    ...(maxConnections === null ? [] : [`at most ${maxConnections} at once`]),
  ];
  return own.length === 0 ? endpointText(source) : `${endpointText(source)} (${own.join(', ')})`;
}

function endpointText(source: EndpointPlan['source']): string {
  if (source.kind === 'service') return `the records of ${source.name}`;
  return source.kind === 'unix' ? `unix:${source.path}` : addressOf(source.host, source.port);
}

/** `round-robin`, `hash of the cookie sid`. */
export function describeBalance({ balance, hashBy }: PoolPlan): string {
  return balance === 'hash' ? `hash of ${keyText(hashBy)}` : balance;
}

function keyText(key: HashKey): string {
  switch (key.kind) {
    case 'ip':
      return 'the client’s address';
    case 'host':
      return 'the host that is asked for';
    case 'path':
      return 'the path';
    case 'header':
      return `the header ${key.name}`;
    case 'cookie':
      break;
  }
  return `the cookie ${key.name}`;
}

/** How its endpoints are looked after: one phrase each. */
export function describePool(pool: PoolPlan): readonly string[] {
  const { policy, retries, onEndpointDown, waitersMax, dialer } = pool;
  const { breaker, drainMs, slowStartMs } = policy;
  return [
    ...describeChecks(pool),
    ...(breaker === null
      ? []
      : [
          `${breaker.failures} failed dials in a row take an endpoint out for ${formatDuration(breaker.openForMs)}, doubling to ${formatDuration(breaker.openForMaxMs)}`,
        ]),
    ...(slowStartMs === null
      ? []
      : [`an endpoint that came back has its full share after ${formatDuration(slowStartMs)}`]),
    ...(retries === 0 ? [] : [`a failed dial goes on to ${retries} other ${retries === 1 ? 'endpoint' : 'endpoints'}`]),
    ...(onEndpointDown === 'keep' ? [] : [`connections of an endpoint that is down are ${downText[onEndpointDown]}`]),
    ...describeDrain(drainMs),
    ...(waitersMax === 0 ? [] : [`${waitersMax} may wait where every endpoint is at its cap`]),
    ...describeDialer(dialer),
  ];
}

/** What `drain` is counted from. */
function describeDrain(drainMs: number | null): readonly string[] {
  if (drainMs === null) return [];
  return [`connections of an endpoint that is wanted no more may last ${formatDuration(drainMs)}`];
}

const downText = { drain: 'let go in peace', kill: 'cut' } as const;

function describeChecks({ check, policy: { checks } }: PoolPlan): readonly string[] {
  if (check === null || checks === null) return [];
  const { intervalMs, timeoutMs, rise, fall } = checks;
  const what =
    check.type === 'http' ? `${check.method} ${check.path}` : check.type === 'tcp' ? 'a connection' : 'a question';
  return [
    `checked by ${what} every ${formatDuration(intervalMs)} (${formatDuration(timeoutMs)} to answer); down after ${fall}, up after ${rise}`,
  ];
}

/** How endpoints are reached, where that is not directly. */
export function describeDialer(dialer: DialerPlan): readonly string[] {
  switch (dialer.type) {
    case 'direct':
      return [];
    case 'tls':
      return ['reached by TLS'];
    case 'socks5':
      return [`reached through the SOCKS proxy ${addressOf(dialer.proxy.host, dialer.proxy.port)}`];
    case 'http-connect':
      return [`reached through the HTTP proxy ${addressOf(dialer.proxy.host, dialer.proxy.port)}`];
    case 'custom':
      break;
  }
  return ['reached by a dialer of the embedding program'];
}
