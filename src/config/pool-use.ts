/**
 * What a route uses of the pools: which one, how often it is dialled, whether there is a queue.
 *
 * Must never do: judge. Read first: `check-upstream.ts`.
 */
import { retriesOf } from './build-pool.ts';
import type { DraftRoute } from './draft.ts';
import type { Sections } from './schema.ts';

export type PoolDraft = NonNullable<Sections['pools']>[string];

/** What could be read of the pool a route names; undefined where it names none, or none that is there. */
export function poolOf({ route }: Pick<DraftRoute, 'route'>, { pools }: Sections): PoolDraft | undefined {
  return poolNamed(route.action?.pool, pools);
}

export function poolNamed(name: string | undefined, pools: Sections['pools']): PoolDraft | undefined {
  return name !== undefined && pools !== undefined && Object.hasOwn(pools, name) ? pools[name] : undefined;
}

/** One attempt for each target; for a pool the first one and its retries, of which a name may have any number. */
export function attemptsOf(draft: Pick<DraftRoute, 'route'>, sections: Sections): number {
  const pool = poolOf(draft, sections);
  if (pool !== undefined) return 1 + retriesOf(pool);
  return Math.max(1, draft.route.action?.targets?.length ?? 1);
}

/** True exactly when somebody may wait for a place: on the route, or in the pool behind it. */
export function mayWait(draft: Pick<DraftRoute, 'route'>, sections: Sections): boolean {
  return (draft.route.queue?.size ?? 0) > 0 || (poolOf(draft, sections)?.queue?.size ?? 0) > 0;
}
