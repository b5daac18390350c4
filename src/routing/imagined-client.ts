/**
 * Clients that are only imagined, made of what a question says about them.
 *
 * Decides: what a question that leaves something open is taken to mean. One that names no protocol is taken as what its
 * other parts suggest: ALPN means TLS; a path, method, header or query means HTTP; a host means TLS or HTTP, whichever finds
 * a route. Where routes terminate TLS, HTTP may be inside of it. What is not said of a request is `GET /` without fields;
 * an agreed version is the newest.
 * Must never do: ask a table. Read first: `explain-match.ts`.
 */
import type { MatchQuery } from './explain-match.ts';
import { canonicalAddress } from './ip-address.ts';
import { normaliseHost } from './match-host.ts';
import { escapeBeyondAscii } from './path.ts';
import type { RequestSubject, RouteSubject, TlsSubject } from './route-decision.ts';
import type { TlsPlan } from './tls-plan.ts';

/** Someone who is imagined to connect. */
export interface ImaginedClient {
  /** What people call it; `websocket` too. */
  readonly spoken: string | null;
  readonly bytes: RouteSubject;
  /** Null where it does not speak HTTP. */
  readonly request: RequestSubject | null;
  /**
   * The same client behind a handshake; null where it makes none.
   * @param offered what the proxy would agree to speak, best first.
   */
  readonly inside: ((plan: TlsPlan, offered: readonly string[]) => ImaginedClient) | null;
}

/** What is behind the TLS that routes of the listener terminate: nothing, bytes only, or HTTP too. */
export type Inside = 'none' | 'raw' | 'http';

/** The clients that a question may mean; the first of them that finds a route is meant. */
export function imagineClients(query: MatchQuery, inside: Inside): readonly ImaginedClient[] {
  const { protocol, host, tls } = query;
  const overTls = (): ImaginedClient => tlsClient(query, inside);
  if (tls === true) return [overTls()];
  if (protocol === 'tcp') return [unknownClient(query)];
  const mayBeInside = inside !== 'none' && tls === undefined;
  if (protocol === 'tls' || (protocol === undefined && query.alpn !== undefined && query.alpn.length > 0))
    return [overTls()];
  if (protocol !== undefined) return [clientOf(query, protocol, null), ...(mayBeInside ? [overTls()] : [])];
  if (asksForRequest(query)) return [...(mayBeInside ? [overTls()] : []), clientOf(query, 'http', null)];
  if (host === undefined) return [unknownClient(query), ...(mayBeInside ? [overTls()] : [])];
  return [...(tls === undefined ? [overTls()] : []), clientOf(query, 'http', null)];
}

/** Nothing is known of what it says. */
export function unknownClient({ clientIp }: MatchQuery, tls: TlsSubject | null = null): ImaginedClient {
  return {
    spoken: null,
    bytes: { ip: clientIp ?? '', protocol: null, preface: null, tls },
    request: null,
    inside: null,
  };
}

function asksForRequest({ path, query, method, headers }: MatchQuery): boolean {
  return [path, query, method, headers].some((part) => part !== undefined);
}

function tlsClient(query: MatchQuery, inside: Inside): ImaginedClient {
  const { protocol, alpn = [] } = query;
  const asked = nameIn(query.serverName ?? query.host);
  // No client asks for an address by SNI (RFC 6066 §3).
  const serverName = asked === null || canonicalAddress(asked) !== null ? null : asked;
  const isSaid = protocol !== undefined && protocol !== 'tls';
  return {
    spoken: 'tls',
    bytes: { ip: query.clientIp ?? '', protocol: 'tls', preface: { serverName, alpn }, tls: null },
    request: null,
    inside: (plan, offered) => {
      const agreed = offered.find((name) => alpn.includes(name)) ?? null;
      const version = query.tlsVersion ?? plan.maxVersion ?? 'TLSv1.3';
      const tls: TlsSubject = { version, policy: plan.policy, alpn: agreed, serverName };
      if (protocol === 'tcp') return unknownClient(query, tls);
      if (isSaid) return clientOf(query, protocol, tls);
      if (inside !== 'http' && !asksForRequest(query)) return unknownClient(query, tls);
      return clientOf(query, agreed === 'h2' ? 'h2c' : 'http', tls);
    },
  };
}

function nameIn(host: string | undefined): string | null {
  return host === undefined ? null : normaliseHost(host);
}

function clientOf(query: MatchQuery, spoken: string, tls: TlsSubject | null): ImaginedClient {
  const host = nameIn(query.host);
  const isWebSocket = spoken === 'websocket';
  const protocol = isWebSocket ? 'http' : spoken;
  const bytes = { ip: query.clientIp ?? '', protocol, preface: { serverName: host, alpn: query.alpn ?? [] }, tls };
  if (protocol !== 'http' && protocol !== 'h2c') return { spoken, bytes, request: null, inside: null };
  const request: RequestSubject = {
    ip: bytes.ip,
    protocol,
    isWebSocket,
    host,
    method: query.method ?? 'GET',
    target: targetOf(query),
    fields: Object.entries(query.headers ?? {}).flatMap(([name, values]) =>
      (typeof values === 'string' ? [values] : values).flatMap((value) => [name, value]),
    ),
    tls,
  };
  return { spoken, bytes, request, inside: null };
}

function targetOf({ path = '/', query = {} }: MatchQuery): string {
  const target = escapeBeyondAscii(path);
  const pairs = Object.entries(query).map((pair) => pair.map(encodeURIComponent).join('='));
  if (pairs.length === 0) return target;
  return `${target}${target.includes('?') ? '&' : '?'}${pairs.join('&')}`;
}
