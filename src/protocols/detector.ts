/**
 * The contract of a protocol detector: what do the first bytes say?
 *
 * A detector is pure and three-valued. It is asked again with a longer prefix each time bytes arrive, never in between.
 * Law: a verdict other than `needsMore` never changes when the prefix grows, and `ended` only turns `needsMore` into
 * something else. So every split of a stream is classified alike.
 * Read first: `classify.ts`.
 */

/** What a recognised preface tells a route. */
export interface Preface {
  /** The host name asked for (SNI, Host), lower case, without port and trailing dot; null where none was named. */
  readonly serverName: string | null;
  /** The application protocols offered (RFC 7301), in the client's order. */
  readonly alpn: readonly string[];
}

export type Detection =
  | { readonly verdict: 'match'; readonly preface: Preface }
  | { readonly verdict: 'needsMore' }
  | { readonly verdict: 'noMatch' }
  /** The bytes are this protocol's, and break it. `detail`: lower case, no payload. */
  | { readonly verdict: 'malformed'; readonly detail: string };

/**
 * @param prefix every byte the client sent so far, at most `sniffBytesMax`; valid only for the call, never to be kept or changed.
 * @param ended true exactly when the client has sent FIN: no byte will follow.
 */
export type Detect = (prefix: Uint8Array, ended: boolean) => Detection;

export interface Detector {
  /** The name routes use in `match.protocol`. */
  readonly name: string;
  readonly detect: Detect;
}

/** The most bytes that are looked at before a client counts as unknown: 16 KiB, the largest TLS record (RFC 8446 §5.1). */
export const sniffBytesMax = 16_384;

export const needsMore: Detection = { verdict: 'needsMore' };
export const noMatch: Detection = { verdict: 'noMatch' };
/** A match that names no host and offers no application protocol. */
export const anonymousMatch: Detection = { verdict: 'match', preface: { serverName: null, alpn: [] } };
