/**
 * What a PROXY protocol header says: the model that both readers fill and the writer is given.
 *
 * Decides the shape and the numbers of the specification. Addresses are in the one canonical form of
 * `routing/ip-address.ts`, so an IPv4 client of an IPv6 socket is that IPv4 client here too.
 * @see https://www.haproxy.org/download/3.2/doc/proxy-protocol.txt
 */

export interface ProxyAddress {
  /** Canonical: never a name, never with a zone. */
  readonly host: string;
  /** 0 to 65535. */
  readonly port: number;
}

/** The paths of a UNIX socket's two ends; '' = unnamed, a leading NUL = a name in Linux' abstract space. For showing. */
export interface ProxyPaths {
  readonly source: string;
  readonly destination: string;
}

export type ProxyFamily = 'inet' | 'inet6' | 'unix' | 'unspecified';

export interface ProxyHeader {
  readonly version: 1 | 2;
  /** `local`: the sender speaks for itself (a health check); the connection's own addresses hold. */
  readonly command: 'proxy' | 'local';
  /** As the header says; `unspecified` also where it may not be looked at (`local`, an unknown transport). */
  readonly family: ProxyFamily;
  readonly transport: 'stream' | 'dgram' | 'unspecified';
  /** Null exactly when the header tells no IP addresses: then the connection's own addresses hold. */
  readonly source: ProxyAddress | null;
  readonly destination: ProxyAddress | null;
  /** Null unless the family is `unix`. */
  readonly paths: ProxyPaths | null;
  readonly tlvs: ProxyTlvs;
}

/** What version 2 may tell beside the addresses. A receiver that trusts the sender may trust these as much. */
export interface ProxyTlvs {
  /** One character a byte (RFC 7301 names are bytes). */
  readonly alpn: string | null;
  /** The host name the client asked for. */
  readonly authority: string | null;
  /** At most 128 bytes, opaque: it names the same connection at every hop. */
  readonly uniqueId: Uint8Array | null;
  readonly tls: ProxyTls | null;
  /** The network namespace of the sender. */
  readonly namespace: string | null;
  /** True exactly when there was a checksum, which was right. */
  readonly hasChecksum: boolean;
  /** Every type that is not known here, in order. */
  readonly others: readonly ProxyTlv[];
}

export interface ProxyTlv {
  /** 0 to 255. */
  readonly type: number;
  readonly value: Uint8Array;
}

/** How the client reached the sender over TLS. */
export interface ProxyTls {
  /** False: there was no TLS, and the sender says so. */
  readonly isSecured: boolean;
  /** The client showed a certificate on this connection; in its session at some time. */
  readonly hasCertificate: boolean;
  readonly hadCertificate: boolean;
  /** What verification found, 0 = nothing against it. Means nothing where no certificate was shown. */
  readonly verifyResult: number;
  /** `TLSv1.3` */
  readonly version: string | null;
  /** Of the client's certificate. */
  readonly commonName: string | null;
  readonly cipher: string | null;
  /** Of the certificate that the sender showed. */
  readonly signatureAlgorithm: string | null;
  readonly keyAlgorithm: string | null;
  readonly others: readonly ProxyTlv[];
}

export const noTlvs: ProxyTlvs = {
  alpn: null,
  authority: null,
  uniqueId: null,
  tls: null,
  namespace: null,
  hasChecksum: false,
  others: [],
};

/** True exactly when the client showed a certificate, now or in its session, and it was found good. */
export function isClientVerified(tls: ProxyTls): boolean {
  return tls.isSecured && (tls.hasCertificate || tls.hadCertificate) && tls.verifyResult === 0;
}

/** The 12 bytes that begin version 2. */
export const signature = '\r\n\r\n\0\r\nQUIT\n';
/** Of version 2: signature, version and command, family and transport, length. */
export const fixedLength = 16;
/** Of a UNIX path. */
export const pathLength = 108;
/** Of a unique id (§2.2.5). */
export const uniqueIdMax = 128;

export const familyNumbers = { unspecified: 0, inet: 1, inet6: 2, unix: 3 } as const;
/** How many bytes the addresses of a family take. */
export const addressLengths = { unspecified: 0, inet: 12, inet6: 36, unix: 2 * pathLength } as const;

export const tlvTypes = {
  alpn: 0x01,
  authority: 0x02,
  checksum: 0x03,
  padding: 0x04,
  uniqueId: 0x05,
  tls: 0x20,
  tlsVersion: 0x21,
  commonName: 0x22,
  cipher: 0x23,
  signatureAlgorithm: 0x24,
  keyAlgorithm: 0x25,
  namespace: 0x30,
} as const;

/** Bits of the first byte of the TLS value. */
export const tlsFlags = { isSecured: 1, hasCertificate: 2, hadCertificate: 4 } as const;
