/**
 * Requests that two readers could understand differently, each with what must become of it.
 *
 * A case is the whole of what a client sends. Expected outcomes are written by hand from RFC 9112, never computed by what
 * they judge. `test/property/http1-smuggling.test.ts` holds the reader to them; a test on the wire may replay them.
 */
import { bodyCases } from './http1-smuggling-bodies.ts';
import { connectionCases } from './http1-smuggling-connections.ts';
import { fieldCases } from './http1-smuggling-fields.ts';
import { lineCases } from './http1-smuggling-lines.ts';

export type SmugglingOutcome =
  /** Answered with this status; `forwarded` is what of the request may have gone upstream before: the head, or nothing. */
  | { readonly kind: 'refused'; readonly status: number; readonly forwarded: 'nothing' | 'head' }
  /** Forwarded as exactly `canonical`, before any field of the proxy's own; `rest` belongs to the next request. */
  | { readonly kind: 'forwarded'; readonly canonical: string; readonly rest: string };

export interface SmugglingCase {
  readonly family: string;
  readonly name: string;
  /** One character a byte. */
  readonly text: string;
  readonly outcome: SmugglingOutcome;
}

export const smugglingCorpus: readonly SmugglingCase[] = [
  ...lineCases,
  ...fieldCases,
  ...bodyCases,
  ...connectionCases,
];

/** The bytes of a case. */
export function bytesOf(text: string): Buffer {
  return Buffer.from(text, 'latin1');
}
