/**
 * What is known of a client behind terminated TLS, what handlers are told of it, and whether a certificate speaks for a host.
 *
 * Read first: `identity.ts`, `../greeting.ts`.
 */
import type { HandlerTls } from '../../routing/http-plan.ts';
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

/** What handlers are told of it: nothing that a handler could change for others. */
export function handlerTls(by: SecuredClient | null): HandlerTls | null {
  if (by === null) return null;
  const { version, cipher, alpn, serverName, peer } = by;
  if (peer === null) return { version, cipher, alpn, serverName, client: null };
  const { subject, issuer, serialNumber, fingerprint, names } = peer;
  const client = { subject, issuer, serialNumber, fingerprint, names: [...names] };
  return { version, cipher, alpn, serverName, client };
}
