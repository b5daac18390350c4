/**
 * Why a pool has nowhere to send somebody, in one clause: `2 of 3 endpoints of db are down by checks, 1 is ejected until …`.
 *
 * Pure. Decides what is said first: what most endpoints have in common.
 */
/** An endpoint, as far as the clause goes. */
export interface Unusable {
  readonly state: string;
  /** Since 1970; null unless it is ejected. */
  readonly ejectedUntilMs: number | null;
  /** True exactly when this dial has tried it in vain. */
  readonly isTried: boolean;
}

/** @param unresolved names of the pool of which no address is known. */
export function exhaustedCause(pool: string, endpoints: readonly Unusable[], unresolved: readonly string[]): string {
  if (endpoints.length === 0) {
    return unresolved.length === 0
      ? `the pool ${pool} has no endpoint`
      : `no address of ${unresolved.join(', ')} is known yet`;
  }
  const counts = new Map<string, number>();
  for (const one of endpoints) counts.set(whyOf(one), (counts.get(whyOf(one)) ?? 0) + 1);
  const parts = [...counts].toSorted(([, one], [, other]) => other - one);
  const all = `of ${endpoints.length} ${endpoints.length === 1 ? 'endpoint' : 'endpoints'} of ${pool} `;
  return parts
    .map(([why, count], place) => `${count} ${place === 0 ? all : ''}${count === 1 ? 'is' : 'are'} ${why}`)
    .join(', ');
}

function whyOf({ state, ejectedUntilMs, isTried }: Unusable): string {
  if (ejectedUntilMs !== null) return `ejected until ${new Date(ejectedUntilMs).toISOString()}`;
  if (state === 'DOWN') return 'down by checks';
  if (state === 'DRAINING') return 'draining';
  if (isTried) return 'tried in vain';
  return 'tried by somebody else just now';
}
