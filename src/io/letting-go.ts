/**
 * How a leg is let go of when its connection ends.
 *
 * Decides by the reason's manner; a leg whose FIN is out has nothing left that could be cut.
 */
import { describeReason, type CloseReason } from '../machines/connection/close-reason.ts';
import type { Leg } from './leg.ts';

export function letGo(leg: Leg, reason: CloseReason): void {
  if (leg.isFlushed || describeReason(reason).manner === 'end') leg.release();
  else leg.reset();
}
