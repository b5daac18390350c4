/**
 * Looks at the legs of one connection when a deadline is due: what has moved, and whether both are still there.
 *
 * Decides nothing: it tells facts. Must never do: look at any other time, or own a timer; the chart's deadlines ask. Functions
 * and no object, because every connection would have one. Read first: `connection.ts`.
 */
import type { ConnectionFact } from '../machines/connection/events.ts';
import type { Cause } from './closed-record.ts';
import type { Leg } from './leg.ts';

/** The connection, as these looks know it. */
export interface LookedAt {
  readonly downstream: Leg;
  readonly upstream: Leg | null;
  cause: Cause | null;
  /** When the last byte moved that was told of. */
  reportedByteAtMs: number;
  hear(fact: ConnectionFact): void;
}

/** @param clientByteAtMs when the client's side last moved a byte of its own. */
export function reportFlow(owner: LookedAt, clientByteAtMs: number, nowMs: number): void {
  const lastByteAtMs = Math.max(clientByteAtMs, owner.upstream?.lastByteAtMs ?? 0);
  if (lastByteAtMs <= owner.reportedByteAtMs) return;
  owner.reportedByteAtMs = lastByteAtMs;
  owner.hear({ type: 'bytes.flowed', quietMs: nowMs - lastByteAtMs });
}

/** A transport that is gone although no fact said so ends the connection too. */
export function checkLegs(owner: LookedAt): void {
  if (owner.downstream.isGone) tellGone(owner, 'downstream');
  if (owner.upstream?.isGone === true) tellGone(owner, 'upstream');
}

function tellGone(owner: LookedAt, side: 'downstream' | 'upstream'): void {
  owner.cause ??= { code: 'SALLYPORT_SILENT_DEATH', text: `the ${side} transport was gone without a word` };
  if (side === 'downstream') owner.hear({ type: 'downstream.failed', reason: 'downstream.reset' });
  else owner.hear({ type: 'upstream.failed', reason: 'upstream.reset' });
}
