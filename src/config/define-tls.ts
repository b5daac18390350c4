/**
 * TLS as a program writes it: the same keys as in YAML, and what only code can say.
 *
 * Must never do: judge. Read first: `define-config.ts`, docs/guides/tls.md.
 */
import type { AskFunction, CertificateProvider, DnsChallenge, TlsVersion } from '../routing/tls-plan.ts';

export type TlsConfig = PassthroughConfig | TerminateConfig | ReencryptConfig;

/** The client hello is read for its names, nothing is decrypted. */
export interface PassthroughConfig {
  readonly mode: 'passthrough';
}

/** TLS ends here. */
export interface TerminateConfig extends HandshakeConfig {
  readonly mode: 'terminate';
}

/** TLS ends here, and the upstream is spoken to in TLS again. */
export interface ReencryptConfig extends HandshakeConfig {
  readonly mode: 'terminate-and-reencrypt';
  readonly upstream?: UpstreamTlsConfig;
}

interface HandshakeConfig {
  readonly certificate: CertificateConfig;
  /** For `certificate: 'auto'`; each key here wins over the same key of the top level. */
  readonly acme?: AcmeConfig;
  /** Default: `TLSv1.2`. */
  readonly minVersion?: TlsVersion;
  /** Default: `TLSv1.3`. */
  readonly maxVersion?: TlsVersion;
  /** OpenSSL names, and suites of TLS 1.3, separated by colons. Default: AEAD with ECDHE only. */
  readonly ciphers?: string;
  readonly clientAuth?: ClientAuthConfig;
}

/** PEM text, the path of a file beside the configuration, or bytes. */
export type MaterialConfig = string | Uint8Array;

/**
 * `auto`: ordered from an authority. `development`: signed by an authority of this machine. Files are watched. A function
 * is asked once for each name, and again when what it gave nears its end.
 */
export type CertificateConfig =
  | 'auto'
  | 'development'
  | { readonly cert: MaterialConfig; readonly key: MaterialConfig }
  | { readonly pfx: MaterialConfig; readonly passphrase?: string }
  | CertificateProvider;

export interface ClientAuthConfig {
  /** Whose certificates are believed. */
  readonly ca: MaterialConfig;
  /** `false`: a client without a certificate passes, one with a bad one never does. Default: `true`. */
  readonly require?: boolean;
}

export interface UpstreamTlsConfig {
  /** Whose certificates are believed. Default: those that the system believes. */
  readonly ca?: MaterialConfig;
  /** Sent as SNI, and what the certificate must cover. Default: the host of the target. */
  readonly servername?: string;
  /** `false`: anybody is believed. Default: `true`. */
  readonly verify?: boolean;
  /** Public keys that are accepted, besides what `verify` asks: SHA-256 of the SPKI in base64. */
  readonly pins?: string | readonly string[];
  /** Default: `TLSv1.2`. */
  readonly minVersion?: TlsVersion;
  /** Shown where the upstream asks for a certificate; with `key`. */
  readonly cert?: MaterialConfig;
  readonly key?: MaterialConfig;
}

export type AcmeChallenge = 'http-01' | 'tls-alpn-01' | 'dns-01';

export interface AcmeConfig {
  /** Where the authority writes to. Needed for `certificate: 'auto'`. */
  readonly email?: string;
  /** `true` is `directory: 'letsencrypt'`, `false` `letsencrypt-staging`. Default: `false`. */
  readonly useProduction?: boolean;
  /** `letsencrypt`, `letsencrypt-staging`, or the https URL of a directory. */
  readonly directory?: string;
  /** What the TLS of the directory is verified by. Default: what the system believes. */
  readonly ca?: MaterialConfig;
  /** External account binding. */
  readonly eab?: { readonly keyId: string; readonly hmacKey: string };
  /** Where `http-01` is answered; bound where no route listens there. Default: 80. */
  readonly challengePort?: number;
  /** Default: when the authority says, else after two thirds of the life. */
  readonly renewThresholdDays?: number;
  /** Best first. Default: `dns-01` where `dns` is given, then `http-01`, `tls-alpn-01`. */
  readonly challenges?: AcmeChallenge | readonly AcmeChallenge[];
  readonly dns?: DnsChallenge;
  /** May a certificate be ordered for this name at its first handshake? */
  readonly ask?: AskFunction;
}
