/**
 * What one attempt is told: where to, what the upstream must see first, and from whom the connection must seem to come.
 *
 * Pure. Decides by the route and by whom is dialled for, and which facts of a PROXY header that came in are still true: who
 * ended TLS knows more of it than who only heard of it. Read first: `dialer.ts`, `candidates.ts`, `introducing.ts`.
 */
import type { ProxyTls } from '../protocols/proxy-protocol/header.ts';
import { writeProxyBinary, writeProxyText, type ProxyFacts } from '../protocols/proxy-protocol/writer.ts';
import type { RoutePlan, Target } from '../routing/plan.ts';
import type { DialSubject } from './candidates.ts';
import type { Endpoint } from './dialer.ts';
import type { UpstreamSpeech } from './route-dialers.ts';
import { commonNameOf } from './tls/common-name.ts';
import type { SecuredClient } from './tls/secured-client.ts';

/** Where to, and by which name TLS knows it. */
export function plainOrder({ host, port, serverName }: Target): Endpoint {
  return serverName === undefined ? { host, port } : { host, port, serverName };
}

/** @param speech what will be spoken to the upstream. */
export function dialOrder(
  route: RoutePlan,
  target: Target,
  subject: DialSubject,
  speech: UpstreamSpeech = 'raw',
): Endpoint {
  const { action } = route;
  if (action.type !== 'forward') return plainOrder(target);
  return {
    ...plainOrder(target),
    ...(action.proxyHeader === null ? {} : { proxyHeader: proxyHeaderFor(action.proxyHeader, subject, speech) }),
    ...(action.preservesSource ? { sourceAddress: subject.client.host } : {}),
  };
}

/** True exactly when upstreams are told whose connection it is: then no other client may ever use it. */
export function tellsIdentity({ action }: RoutePlan): boolean {
  return action.type === 'forward' && (action.proxyHeader !== null || action.preservesSource);
}

/** Says that a connection is the proxy's own: for checks of endpoints that expect a header. */
export function ownProxyHeader(version: 'v1' | 'v2'): Uint8Array {
  return version === 'v1' ? writeProxyText(nobody) : writeProxyBinary(nobody);
}

const nobody = { source: null, destination: null };

function proxyHeaderFor(version: 'v1' | 'v2', subject: DialSubject, speech: UpstreamSpeech): Uint8Array {
  const addresses = { source: subject.client, destination: subject.local, paths: subject.proxied?.paths ?? null };
  return version === 'v1' ? writeProxyText(addresses) : writeProxyBinary(addresses, factsOf(subject, speech));
}

function factsOf(subject: DialSubject, speech: UpstreamSpeech): ProxyFacts {
  const { tls, proxied } = subject;
  const told = proxied?.tlvs ?? null;
  return {
    uniqueId: told?.uniqueId ?? encoder.encode(subject.connectionId),
    authority: authorityOf(subject),
    alpn: alpnFor(tls === null ? (told?.alpn ?? null) : tls.alpn, speech),
    tls: tls === null ? (told?.tls ?? null) : tlsFactsOf(tls),
    hasChecksum: true,
  };
}

/** A connection that carries requests to many hosts has one name at most: that of its TLS. */
function authorityOf({ tls, proxied, head, serverName }: DialSubject): string | null {
  if (tls !== null) return tls.serverName;
  return (head === null ? serverName : null) ?? proxied?.tlvs.authority ?? null;
}

/** What the client speaks; left out where that is not what will be spoken, because a receiver may go by it. */
function alpnFor(alpn: string | null, speech: UpstreamSpeech): string | null {
  return speech === 'raw' || alpn === spoken[speech] ? alpn : null;
}

const spoken = { http1: 'http/1.1', h2: 'h2' } as const;

/** A certificate that does not hold ends the handshake, so one that is here was verified. */
function tlsFactsOf({ version, cipher, peer, isResumed }: SecuredClient): Omit<ProxyTls, 'others'> {
  return {
    isSecured: true,
    hasCertificate: peer !== null && !isResumed,
    hadCertificate: peer !== null,
    verifyResult: 0,
    version,
    cipher,
    commonName: peer === null ? null : commonNameOf(peer.der),
    signatureAlgorithm: null,
    keyAlgorithm: null,
  };
}

const encoder = new TextEncoder();
