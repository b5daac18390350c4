/**
 * Max-Forwards: how many proxies a TRACE or OPTIONS request may still pass, which its sender asks for.
 *
 * Decides only for these two methods, and only where the field is one number; anything else passes as it is.
 * @see RFC 9110 §7.6.2
 */
import { fieldValues, isNamed } from './fields.ts';
import type { RequestHead } from './message.ts';

const name = 'max-forwards';

/** True exactly when the request may go no further: whoever has it answers it. */
export function isLastHop(head: RequestHead): boolean {
  return hopsOf(head) === 0;
}

/** The request as the next one gets it. */
export function withOneHopLess(head: RequestHead): RequestHead {
  const hops = hopsOf(head);
  if (hops === null || hops === 0) return head;
  const fields = head.fields.map((text, index) =>
    index % 2 === 1 && isNamed(head.fields[index - 1] ?? '', name) ? String(hops - 1) : text,
  );
  return { ...head, fields };
}

function hopsOf({ method, fields }: RequestHead): number | null {
  if (method !== 'OPTIONS' && method !== 'TRACE') return null;
  const values = fieldValues(fields, name);
  const [only = ''] = values;
  return values.length === 1 && /^\d{1,15}$/.test(only) ? Number(only) : null;
}
