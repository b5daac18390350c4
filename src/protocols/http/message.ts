/**
 * The model of an HTTP message that every HTTP version is read into and written from.
 *
 * Decides nothing; shapes only. What is in a head has been validated: names are tokens, values hold no control byte, the
 * target is one of the forms that are forwarded. Framing is a property of the model, never of its fields, so that it can
 * only be written by a writer (docs/adr/0012-own-http1-codec.md).
 * @see RFC 9110 §6, RFC 9112, RFC 9113 §8
 */

/**
 * End-to-end fields in the order they came: name, value, name, value … Names as they came (lower case in HTTP/2), values
 * without leading and trailing blanks, one character a byte (latin1).
 * Never among them: Host, Content-Length, Transfer-Encoding, Connection and whatever it nominated, Keep-Alive,
 * Proxy-Connection, TE, Upgrade, HTTP2-Settings, Expect: those are parts of the head's own.
 */
export type Fields = readonly string[];

/** How many bytes of body follow. `untilClose` is for responses only. */
export type Body =
  | { readonly kind: 'none' }
  /** `bytes`: 0 to 999,999,999,999,999 (15 digits). */
  | { readonly kind: 'length'; readonly bytes: number }
  /** Chunked in HTTP/1.1; in HTTP/2 a body without a Content-Length. Trailers may follow. */
  | { readonly kind: 'stream' }
  | { readonly kind: 'untilClose' };

export type HttpVersion = '1.0' | '1.1' | '2';

export interface RequestHead {
  /** A token, as it came; case matters. */
  readonly method: string;
  /** Origin-form as it came (`/path?query`), or `*` with OPTIONS. Absolute-form has been taken apart. */
  readonly target: string;
  readonly version: HttpVersion;
  /** The one Host (or :authority) as it came, validated; '' for HTTP/1.0 without one. */
  readonly authority: string;
  readonly fields: Fields;
  readonly body: Body;
  /** True exactly for `Expect: 100-continue` on a request with a body. */
  readonly expectsContinue: boolean;
  /** The one protocol offered for an upgrade, lower case (`websocket`); null when none is, or Connection does not name it. */
  readonly upgrade: string | null;
  /** True exactly when the client takes trailers (TE: trailers). */
  readonly acceptsTrailers: boolean;
  /** True exactly when the client's connection may serve another request afterwards. */
  readonly isPersistent: boolean;
}

export interface ResponseHead {
  /** 100 to 599. */
  readonly status: number;
  readonly version: HttpVersion;
  /** As it came, '' when there was none. */
  readonly reason: string;
  readonly fields: Fields;
  readonly body: Body;
  /** With 101: the protocol switched to, lower case; null otherwise. */
  readonly upgrade: string | null;
  /** What Content-Length says where no body follows (HEAD, 304); null when it says nothing or a body follows. */
  readonly announcedBytes: number | null;
  /** True exactly when the upstream connection may be used again after this response. */
  readonly isPersistent: boolean;
}

/** Why a message was not understood, and how a client is told. */
export interface HttpProblem {
  /** The status for the client whose request it is; 502 for a response. */
  readonly status: 400 | 405 | 408 | 413 | 414 | 417 | 421 | 431 | 501 | 502 | 505;
  /** One clause, lower case, no full stop, nothing that the peer sent. */
  readonly detail: string;
}

/** True exactly when bytes follow, or may: a body of length 0 is none. */
export function hasBody({ body }: { readonly body: Body }): boolean {
  return body.kind === 'length' ? body.bytes > 0 : body.kind !== 'none';
}

export const noBody: Body = { kind: 'none' };
export const streamBody: Body = { kind: 'stream' };
export const bodyUntilClose: Body = { kind: 'untilClose' };
export const noFields: Fields = [];
