/**
 * The path of a request target: without the query, which is no part of it and may hold secrets.
 *
 * Pure.
 * @see RFC 9112 §3.2.1
 */

export function pathOfTarget(target: string): string {
  const query = target.indexOf('?');
  return query === -1 ? target : target.slice(0, query);
}
