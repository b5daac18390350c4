/**
 * What a route's `tls` resolves to: how its handshakes are made, towards the client and towards the upstream.
 *
 * Decides nothing; it is the shape that `config/` writes and `routing/`, `io/` and `certificates/` read. Immutable once
 * made. Passthrough has no plan: the handshake is between the client and the upstream.
 * Read first: `plan.ts`.
 */
export type TlsVersion = 'TLSv1.2' | 'TLSv1.3';

/** PEM (or PFX) as it was written: the text itself, bytes, or the absolute path of a file that is watched. */
export type Material =
  | { readonly kind: 'text'; readonly text: string }
  | { readonly kind: 'bytes'; readonly bytes: Uint8Array }
  | { readonly kind: 'file'; readonly path: string };

/** What a function of the embedder's answers for a name; null = it has none. PEM text. */
export interface ProvidedCertificate {
  readonly cert: string;
  readonly key: string;
}

/** Asked once per name, and again when what it gave nears its end. */
export type CertificateProvider = (
  serverName: string,
) => ProvidedCertificate | null | Promise<ProvidedCertificate | null>;

/** May a certificate be ordered for this name? Asked before on-demand issuance. */
export type AskFunction = (serverName: string) => boolean | Promise<boolean>;

/** Publishes or withdraws one DNS TXT record (RFC 8555 §8.4); resolves when it can be seen. */
export interface DnsChallenge {
  readonly publish: (record: { readonly name: string; readonly value: string }) => Promise<void>;
  readonly withdraw: (record: { readonly name: string; readonly value: string }) => Promise<void>;
}

export interface AcmePlan {
  readonly email: string | null;
  /** The URL of the CA's directory (RFC 8555 §7.1.1). */
  readonly directoryUrl: string;
  /** PEM of the root that the directory's own TLS is verified by; null = the system's. */
  readonly ca: Material | null;
  /** External account binding (RFC 8555 §7.3.4). */
  readonly eab: { readonly keyId: string; readonly hmacKey: string } | null;
  /** The order in which challenges are tried; what cannot be served here is left out at load. */
  readonly challenges: readonly ('http-01' | 'tls-alpn-01' | 'dns-01')[];
  readonly dns: DnsChallenge | null;
  /** The port of the HTTP-01 answers; bound by us when no listener has it. */
  readonly challengePort: number;
  /** Days before the end of life to renew; null = the CA's own advice (RFC 9773), else two thirds of the life. */
  readonly renewThresholdDays: number | null;
  /** Names outside of `domains` may be ordered at their first handshake where this says yes; null = never. */
  readonly ask: AskFunction | null;
}

export type CertificatePlan =
  /** `names`: what to order one certificate for, each of them a name or (with dns-01) a wildcard. */
  | { readonly type: 'auto'; readonly acme: AcmePlan; readonly names: readonly string[] }
  | { readonly type: 'pem'; readonly cert: Material; readonly key: Material }
  | { readonly type: 'pfx'; readonly pfx: Material; readonly passphrase: string | null }
  | { readonly type: 'function'; readonly provide: CertificateProvider }
  /** Signed by the development authority (`--dev-tls`). */
  | { readonly type: 'development'; readonly names: readonly string[] };

export interface ClientAuthPlan {
  readonly ca: Material;
  /** False: a client without a certificate passes; one with a bad certificate never does. */
  readonly require: boolean;
}

/** How the upstream is spoken to in `terminate-and-reencrypt`. */
export interface UpstreamTlsPlan {
  /** Null = the system's authorities. */
  readonly ca: Material | null;
  /** What is sent as SNI and what the certificate must cover; null = the target's host. */
  readonly serverName: string | null;
  /** False: anybody is believed. Said in a warning. */
  readonly verify: boolean;
  /** SHA-256 of acceptable public keys (SubjectPublicKeyInfo), base64; empty = any. Checked besides `verify`. */
  readonly pins: readonly string[];
  readonly minVersion: TlsVersion;
  /** What we show where the upstream asks for a certificate. */
  readonly identity: { readonly cert: Material; readonly key: Material } | null;
}

export interface TlsPlan {
  readonly mode: 'terminate' | 'terminate-and-reencrypt';
  /**
   * Says everything that makes one handshake policy differ from another (versions, ciphers, client authentication), so
   * that two routes with the same text may share sessions, and a request may move between them. The certificate is no
   * part of it: whether it covers a host is asked of the certificate.
   */
  readonly policy: string;
  /** `routes[0].tls`, with the file's position where there is one. */
  readonly configPath: string;
  readonly certificate: CertificatePlan;
  readonly minVersion: TlsVersion;
  /** Null = the newest. */
  readonly maxVersion: TlsVersion | null;
  /** An OpenSSL cipher list for TLS 1.2, and suites of TLS 1.3; null = ours: AEAD with ECDHE only. */
  readonly ciphers: string | null;
  readonly clientAuth: ClientAuthPlan | null;
  /** Null exactly for `terminate`. */
  readonly upstream: UpstreamTlsPlan | null;
}
