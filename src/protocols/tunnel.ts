/**
 * Talking a proxy into a tunnel: what every protocol for it has in common, as the shell uses it.
 *
 * Shapes only. A talk is incremental and sans-IO: it is fed what the other end says, in pieces of any size, and answers
 * what to say next, that the tunnel is open, or why there will be none. What comes behind the answer is the endpoint's.
 * Must never do: throw, keep a chunk, or remember more than its protocol bounds.
 * Read first: `socks5-client.ts`, `http-connect.ts`.
 */

export interface TunnelTalk {
  /** What is said before anything was heard. */
  readonly opening: Uint8Array;
  /** Fed in order, until it answers something else than `more`. @param start index of the first byte not fed before. */
  read(chunk: Uint8Array, start: number): TunnelStep;
}

export type TunnelStep =
  /** `next`: index of the first byte not used, `chunk.length` where all were. `send`: what to say now. */
  | { readonly kind: 'more'; readonly next: number; readonly send: Uint8Array | null }
  /** From `next` on it is the endpoint who speaks. */
  | { readonly kind: 'open'; readonly next: number }
  | TunnelRefusal;

export interface TunnelRefusal {
  readonly kind: 'refused';
  /** The reason, without its side. */
  readonly how: 'refused' | 'unreachable' | 'malformed';
  /** `SALLYPORT_…` */
  readonly code: string;
  /** What the proxy says, or did: a clause with the proxy as its subject, nothing that it sent. */
  readonly says: string;
  /** True exactly when another endpoint may fare better. */
  readonly isRetryable: boolean;
}

/** Who is asked for; a name is sent as it is, so that it is resolved at the other end. */
export interface TunnelEndpoint {
  readonly host: string;
  /** 1 to 65535. */
  readonly port: number;
}

/** True exactly for text that a request line can carry as a host name. */
export function isSendableName(host: string): boolean {
  return host.length > 0 && host.length <= 255 && /^[a-z0-9._-]+$/i.test(host);
}
