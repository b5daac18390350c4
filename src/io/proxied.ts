/**
 * What a believed PROXY header is told on as: to a handler, in records, and by `explain`.
 *
 * Pure. Must never do: tell an address that the header does not tell. Read first: `protocols/proxy-protocol/header.ts`.
 */
import { isClientVerified, type ProxyHeader, type ProxyTls } from '../protocols/proxy-protocol/header.ts';
import type { HandlerProxied } from '../routing/http-plan.ts';
import type { Address } from './leg.ts';
import type { SecuredClient } from './tls/secured-client.ts';

/** Null where no header was believed. @param peer who sent it. */
export function handlerProxied(header: ProxyHeader | null, peer: Address): HandlerProxied | null {
  if (header === null) return null;
  const { alpn, authority, tls } = header.tlvs;
  return { version: header.version, peer, alpn, authority, uniqueId: uniqueIdOf(header), tls: handlerTlsOf(tls) };
}

function handlerTlsOf(tls: ProxyTls | null): HandlerProxied['tls'] {
  if (tls?.isSecured !== true) return null;
  const { version, cipher, commonName } = tls;
  return { version, cipher, commonName, isVerified: isClientVerified(tls) };
}

export function headerName(header: ProxyHeader | null): 'v1' | 'v2' | null {
  if (header === null) return null;
  return header.version === 1 ? 'v1' : 'v2';
}

/** Hexadecimal in lower case; null where the header carries none. */
export function uniqueIdOf(header: ProxyHeader | null): string | null {
  const uniqueId = header?.tlvs.uniqueId ?? null;
  return uniqueId === null || uniqueId.length === 0 ? null : Buffer.from(uniqueId).toString('hex');
}

/** Whose socket it is; null where that is the client itself. */
export function peerBeside(client: Address, peer: Address): Address | null {
  return client.host === peer.host && client.port === peer.port ? null : peer;
}

/** What the client asked by: TLS that ended here, or before the sender of a believed header. */
export function schemeOf({ tls, proxied }: Greeted): 'http' | 'https' {
  return tls !== null || proxied?.tlvs.tls?.isSecured === true ? 'https' : 'http';
}

interface Greeted {
  readonly tls: SecuredClient | null;
  readonly proxied: ProxyHeader | null;
}
