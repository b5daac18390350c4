/**
 * Pools, and how endpoints are reached, out of a configuration in which nothing is wrong.
 *
 * Decides: the defaults. Must never do: resolve a name, call a dialer, or let a password show.
 * Read first: `../routing/pool-plan.ts`, `../machines/endpoint/context.ts` (EndpointPolicy).
 */
import { resolve } from 'node:path';

import type { EndpointPolicy } from '../machines/endpoint/context.ts';
import { canonicalAddress } from '../routing/ip-address.ts';
import type { CheckPlan, DialerPlan, EndpointPlan, PoolPlan, ProxyCredentials } from '../routing/pool-plan.ts';
import { upstreamPlan } from './build-tls.ts';
import { goesThroughProxy } from './check-dialer.ts';
import { hiding } from './hiding.ts';
import type { DialerInput } from './schema-dialer.ts';
import type { HealthInput } from './schema-health.ts';
import type { EndpointInput, PoolInput } from './schema-pool.ts';

export interface PoolSurroundings {
  readonly name: string;
  readonly configPath: string;
  /** What paths are relative to. */
  readonly folder: string;
  /** How long a dial may take on the routes that use the pool. */
  readonly trialMs: number;
}

export function poolPlan(written: PoolInput, around: PoolSurroundings): PoolPlan {
  const endpoints = written.endpoints.map((one) => endpointPlan(one, around));
  return {
    name: around.name,
    configPath: around.configPath,
    endpoints,
    balance: written.balance ?? 'round-robin',
    hashBy: written.hashBy ?? { kind: 'ip' },
    policy: endpointPolicy(written, around),
    check: written.health === undefined ? null : checkPlan(written.health),
    retries: retriesOf(written),
    onEndpointDown: written.onEndpointDown ?? 'keep',
    dialer: dialerPlan(written.dialer, around),
    waitersMax: written.queue?.size ?? 0,
  };
}

/** What is said, else one; never more than there are other endpoints to go to, where their number is known. */
export function retriesOf(pool: Endpoints & { readonly retries?: PoolInput['retries'] }): number {
  const written = pool.retries ?? (hasSeveral(pool) ? 1 : 0);
  const count = fixedEndpoints(pool);
  return count === null ? written : Math.min(written, Math.max(0, count - 1));
}

/** How many endpoints there are, and always will be; null where a name says that, which may say something else later. */
export function fixedEndpoints({
  endpoints = [],
  dialer,
}: Endpoints & { readonly dialer?: PoolInput['dialer'] }): number | null {
  const isRemote = goesThroughProxy(dialer);
  const isFixed = endpoints.every(
    ({ host = '', srv, unix }) =>
      unix !== undefined ||
      (srv === undefined && (isRemote || canonicalAddress(host) !== null || host.toLowerCase() === 'localhost')),
  );
  return isFixed ? endpoints.length : null;
}

/** Dials eject an endpoint where there may be another one instead, unless the pool says otherwise. */
export function hasBreaker({ breaker, ...pool }: Endpoints & { readonly breaker?: PoolInput['breaker'] }): boolean {
  return breaker === undefined ? hasSeveral(pool) : breaker !== false;
}

interface Endpoints {
  readonly endpoints?: PoolInput['endpoints'];
}

function hasSeveral({ endpoints }: Endpoints): boolean {
  return endpoints !== undefined && (endpoints.length > 1 || endpoints.some(({ srv }) => srv !== undefined));
}

function endpointPlan(
  { host = '', port = 0, srv, unix, weight = 1, maxConnections }: EndpointInput,
  { folder }: PoolSurroundings,
): EndpointPlan {
  const rest = { weight, maxConnections: maxConnections ?? null };
  if (srv !== undefined) return { source: { kind: 'service', name: srv }, ...rest };
  if (unix !== undefined) return { source: { kind: 'unix', path: resolve(folder, unix) }, ...rest };
  return { source: { kind: 'address', host, port }, ...rest };
}

const intervalDefaultMs = 5_000;
const timeoutDefaultMs = 2_000;
const riseDefault = 2;
const fallDefault = 3;
const failuresDefault = 5;
const openForDefaultMs = 10_000;
/** The longest ejection is ten first ones, but no longer than this unless the first one is. */
const openForMaxDefaultMs = 300_000;

function endpointPolicy(written: PoolInput, { trialMs }: PoolSurroundings): EndpointPolicy {
  return {
    checks: checksPolicy(written.health),
    breaker: hasBreaker(written) ? breakerPolicy(written.breaker) : null,
    slowStartMs: written.slowStart ?? null,
    drainMs: written.drain ?? null,
    trialMs,
  };
}

export function checksPolicy(health: HealthInput | undefined): EndpointPolicy['checks'] {
  if (health === undefined) return null;
  return {
    intervalMs: health.interval ?? intervalDefaultMs,
    timeoutMs: health.timeout ?? timeoutDefaultMs,
    rise: health.rise ?? riseDefault,
    fall: health.fall ?? fallDefault,
  };
}

function breakerPolicy(written: PoolInput['breaker']): EndpointPolicy['breaker'] {
  const {
    failures = failuresDefault,
    openFor = openForDefaultMs,
    openForMax,
  } = written === false ? {} : (written ?? {});
  const openForMs = openFor ?? openForDefaultMs;
  const usualMaxMs = Math.max(openForMs, Math.min(10 * openForMs, openForMaxDefaultMs));
  return { failures, openForMs, openForMaxMs: openForMax ?? usualMaxMs };
}

const statusDefault = [{ from: 200, to: 399 }];

function checkPlan({ type = 'tcp', send, expect, method, path, host, status }: HealthInput): CheckPlan {
  switch (type) {
    case 'tcp':
      return { type: 'tcp' };
    case 'http':
      return {
        type: 'http',
        method: method ?? 'GET',
        path: path ?? '/',
        host: host ?? null,
        status: status ?? statusDefault,
      };
    case 'exchange':
    case 'send-expect':
      break;
  }
  return { type: 'exchange', send: send ?? null, expect: expect ?? null };
}

const direct: DialerPlan = { type: 'direct' };

export function dialerPlan(written: DialerInput | undefined, { folder }: { readonly folder: string }): DialerPlan {
  if (written === undefined) return direct;
  if (typeof written === 'function') return { type: 'custom', dial: written };
  const { type, host = '', port = 0, username, password, ...tls } = written;
  switch (type) {
    case 'direct':
      return direct;
    case 'tls':
      return { type: 'tls', tls: upstreamPlan(tls, { folder }) };
    case 'socks5':
    case 'http-connect':
      break;
  }
  return { type, proxy: { host, port }, credentials: credentialsOf(username, password) };
}

function credentialsOf(username: string | undefined, password: string | undefined): ProxyCredentials | null {
  if (username === undefined || password === undefined) return null;
  return hiding({ username, password }, 'username', 'password');
}
