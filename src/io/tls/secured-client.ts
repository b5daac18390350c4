/**
 * What is known of a client behind terminated TLS, and whether a certificate speaks for a host.
 *
 * Read first: `identity.ts`, `../greeting.ts`.
 */
import type { TlsSubject } from '../../routing/route-decision.ts';
import type { CertificateMaterial, PeerCertificate, Secured } from './identity.ts';

export interface SecuredClient extends TlsSubject {
  readonly cipher: string;
  readonly isResumed: boolean;
  /** The client's certificate; null where it showed none. */
  readonly peer: PeerCertificate | null;
  /** What our certificate covers: names and wildcards in lower case. */
  readonly covered: readonly string[];
}

/** @param serverName as the client hello named it, normalised. */
export function securedClient(
  by: Secured,
  policy: string,
  serverName: string | null,
  material: CertificateMaterial,
): SecuredClient {
  return {
    version: by.version,
    policy,
    alpn: by.alpn,
    serverName,
    cipher: by.cipher,
    isResumed: by.isResumed,
    peer: by.peer,
    covered: material.names,
  };
}

/**
 * True exactly when a certificate with those names speaks for the host. A wildcard stands for one whole label, the
 * first (RFC 9525 §6.3).
 * @param host normalised: lower case, no port, no trailing dot.
 */
export function covers(names: readonly string[], host: string): boolean {
  if (names.includes(host)) return true;
  const dot = host.indexOf('.');
  return dot > 0 && names.includes(`*${host.slice(dot)}`);
}
