/**
 * The host of an authority in the form that routes are matched by: lower case, without port, brackets and trailing dot.
 */

/** @param authority validated: `host`, `host:port`, `[ipv6]` or `[ipv6]:port`; '' has no host. */
export function hostOf(authority: string): string | null {
  if (authority === '') return null;
  if (authority.startsWith('[')) return authority.slice(1, authority.indexOf(']')).toLowerCase();
  const colon = authority.indexOf(':');
  const name = colon === -1 ? authority : authority.slice(0, colon);
  const bare = name.endsWith('.') ? name.slice(0, -1) : name;
  return bare === '' ? null : bare.toLowerCase();
}
