/**
 * For every state and every fact of a pooled upstream connection: is it acted on, or ignored, and why is that right?
 *
 * Decides nothing; test/property/pooled-walk.test.ts holds it against the compiled table.
 * Read first: `machine.ts`; `../connection/verdicts.ts` says what verdicts are for.
 */
import type { PooledFactType } from './machine.ts';

/** Every leaf of the chart, in document order. */
export const pooledLeaves = ['LENT', 'IDLE', 'LEAVING', 'CLOSED'] as const;

export type PooledLeaf = (typeof pooledLeaves)[number];

export type PooledVerdict = 'handled' | { readonly ignored: string };

/** What becomes of a fact in a leaf. Total. */
export function pooledVerdictOf(leaf: PooledLeaf, fact: PooledFactType): PooledVerdict {
  return leaf === 'CLOSED' ? final : (leafRows[leaf][fact] ?? everywhere[fact]);
}

const final = { ignored: 'CLOSED is final: the leg was let go of, and late facts change nothing' } as const;
const nobody = { ignored: 'nobody has it, so nobody can give it back' } as const;
const leaving = { ignored: 'it is leaving already, and whoever has it may finish' } as const;

/** Holds wherever nothing nearer says otherwise. A new fact needs a line here. */
const everywhere: Readonly<Record<PooledFactType, PooledVerdict>> = {
  'connection.lent': { ignored: 'told where nobody had it; one more exchange on it changes nothing (HTTP/2)' },
  'connection.returned': 'handled',
  'upstream.leaving': 'handled',
  'upstream.ended': 'handled',
  'upstream.failed': 'handled',
  'connection.spoilt': 'handled',
  'drain.requested': 'handled',
};

/** A new leaf needs a line here, if only an empty one. */
const leafRows: Readonly<Record<PooledLeaf, Partial<Readonly<Record<PooledFactType, PooledVerdict>>>>> = {
  LENT: {},
  IDLE: { 'connection.lent': 'handled', 'connection.returned': nobody },
  LEAVING: {
    'connection.lent': { ignored: 'a connection that is leaving is never lent' },
    'upstream.leaving': leaving,
    'drain.requested': leaving,
  },
  CLOSED: {},
};
