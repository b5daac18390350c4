/**
 * Where a route's `tls` stands and what becomes of TLS there; the words that several checks share.
 *
 * Must never do: judge. Read first: `check-tls.ts`.
 */
import type { RouteDraft } from './schema-route.ts';
import type { Path } from './path.ts';
import { ownValue, valueAt } from './plain.ts';

/** The path of `tls` within the route; on the route where it stands twice, which is refused. */
export function tlsPath(raw: unknown): Path {
  return ownValue(raw, 'tls') === undefined ? ['action', 'tls'] : ['tls'];
}

/** The mode as it is written, right or wrong; null where there is none. */
export function tlsMode(raw: unknown): string | null {
  const mode = valueAt(raw, [...tlsPath(raw), 'mode']);
  return typeof mode === 'string' ? mode : null;
}

/** True exactly when TLS ends here, so that what is inside can be seen. */
export function terminates(raw: unknown): boolean {
  const mode = tlsMode(raw);
  return mode === 'terminate' || mode === 'terminate-and-reencrypt';
}

/** What could be read of `tls`. */
export function tlsOf(route: RouteDraft): RouteDraft['tls'] {
  return route.tls ?? route.action?.tls;
}
