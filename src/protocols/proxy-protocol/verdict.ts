/**
 * What the bytes at the start of a connection are, as far as the PROXY protocol goes.
 *
 * Law, as for every detector: an answer other than `needsMore` never changes when more bytes come, and `ended` only turns
 * `needsMore` into something else. So every split of a stream is answered alike.
 */
import type { ProxyHeader } from './header.ts';

export type ProxyVerdict =
  | { readonly verdict: 'needsMore' }
  /** These bytes are no PROXY header; whether that is allowed is for the listener to say. */
  | { readonly verdict: 'none' }
  /** `consumed`: how many bytes the header took; what follows is the client's. */
  | { readonly verdict: 'header'; readonly header: ProxyHeader; readonly consumed: number }
  /** They can only be a PROXY header, and are none that may be read. `detail`: lower case, no payload. */
  | { readonly verdict: 'malformed'; readonly detail: string };

export type MalformedProxy = Extract<ProxyVerdict, { readonly verdict: 'malformed' }>;

export const moreProxy: ProxyVerdict = { verdict: 'needsMore' };
export const noProxy: ProxyVerdict = { verdict: 'none' };

export function malformedProxy(detail: string): MalformedProxy {
  return { verdict: 'malformed', detail };
}

export const endedEarly: MalformedProxy = malformedProxy('the peer ended in the middle of its PROXY header');
