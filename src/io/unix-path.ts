/**
 * How the path of a UNIX socket is written where a host is expected: `unix:` and the path.
 *
 * Decides nothing. Read first: `../routing/plan.ts` (Target).
 */

const prefix = 'unix:';

export function isUnixHost(host: string): boolean {
  return host.startsWith(prefix);
}

/** The path, or null where the host is none. */
export function unixPathOf(host: string): string | null {
  return isUnixHost(host) ? host.slice(prefix.length) : null;
}
