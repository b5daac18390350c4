/**
 * The port between certificates and handshakes: who keeps certificates (`certificates/`) answers, who makes handshakes
 * (`io/tls/`) asks.
 *
 * Decides nothing: shapes only. Read first: `../../routing/tls-plan.ts`.
 */
import type { TlsPlan } from '../../routing/tls-plan.ts';

/** A certificate with its key, checked to belong together. */
export interface CertificateMaterial {
  /** SHA-256 fingerprint of the leaf and of its chain: the same text, the same SecureContext. */
  readonly id: string;
  /** The leaf first, then its chain, as PEM. */
  readonly cert: string;
  readonly key: string;
  /**
   * Where the key came as PFX: Node cannot take it apart. Then `cert` is the leaf alone, to be read, `key` is empty, and the
   * SecureContext is made of this.
   */
  readonly pfx?: { readonly bytes: Uint8Array; readonly passphrase: string | null };
  /** What the leaf covers: DNS names and wildcards in lower case, IP addresses in text. */
  readonly names: readonly string[];
  /** Milliseconds since 1970. */
  readonly notBeforeMs: number;
  readonly notAfterMs: number;
}

export interface IdentitySource {
  /**
   * The certificate for one handshake: exact name, then wildcard, then the plan's default where no name was sent (or none
   * is known). Synchronous wherever it is known; a promise where somebody has to be asked. It may settle after the client
   * has gone. Null: there is none, and the client is told `unrecognized_name`.
   */
  identityFor(
    plan: TlsPlan,
    serverName: string | null,
  ): CertificateMaterial | null | Promise<CertificateMaterial | null>;
  /** The certificate that answers a TLS-ALPN-01 validation of that name (RFC 8737); null: none is pending. */
  tlsChallenge(serverName: string): CertificateMaterial | null;
  /** The body that answers an HTTP-01 validation (RFC 8555 §8.3); null: no such token is pending. */
  httpChallenge(token: string): string | null;
  /** True exactly while an authority may come to validate a name. */
  isProving(): boolean;
}

/** What a finished handshake is known by. */
export interface Secured {
  readonly version: 'TLSv1.2' | 'TLSv1.3';
  /** The suite's standard (IANA) name. */
  readonly cipher: string;
  /** What both agreed to speak; null = nothing was negotiated. */
  readonly alpn: string | null;
  /** SNI, as it was sent (server) or sent by us (client); null = none. */
  readonly serverName: string | null;
  readonly isResumed: boolean;
  /** Of the other end; null where it showed none. Verified, unless verification is off. */
  readonly peer: PeerCertificate | null;
}

export interface PeerCertificate {
  /** As RFC 4514 writes it, one line. */
  readonly subject: string;
  readonly issuer: string;
  readonly serialNumber: string;
  /** SHA-256 of the certificate, hexadecimal in lower case. */
  readonly fingerprint: string;
  readonly names: readonly string[];
  readonly notAfterMs: number;
  /** The certificate itself, DER. */
  readonly der: Uint8Array;
}
