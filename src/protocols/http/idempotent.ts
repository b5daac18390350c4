/**
 * May a request be sent once more when nobody knows whether the first one had an effect?
 *
 * Decides by the method alone; whether the body can be sent again is for the caller. @see RFC 9110 §9.2.2
 */
const idempotent: ReadonlySet<string> = new Set(['GET', 'HEAD', 'OPTIONS', 'TRACE', 'PUT', 'DELETE']);

/** True exactly when the method is defined as idempotent. Case matters, as it does in a method. */
export function isIdempotent(method: string): boolean {
  return idempotent.has(method);
}
