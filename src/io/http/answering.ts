/**
 * What an exchange answers its client by itself: what its route has prepared, or what is said for the reason.
 *
 * Decides nothing; it puts the pure parts of `protocols/http/` together for one exchange. The clock is the proxy's.
 * Read first: `protocols/http/own-answer.ts`.
 */
import type { CloseReason } from '../../machines/connection/close-reason.ts';
import type { HttpProblem } from '../../protocols/http/message.ts';
import { dated, ownAnswer, type OwnAnswer } from '../../protocols/http/own-answer.ts';
import type { Exchange } from './exchange.ts';

/** @param problem of the request; null where it is clean. */
export function answerOf(exchange: Exchange, reason: CloseReason, problem: HttpProblem | null): OwnAnswer {
  const { verdict, exchangeId, ports } = exchange;
  const prepared = verdict?.kind === 'answer' && verdict.reason === reason ? verdict.answer : null;
  const asked = verdict?.route?.action.type === 'handler' ? 'handler' : 'upstream';
  const { head, body } = prepared ?? ownAnswer(problem ?? reason, exchangeId, asked);
  return { head: dated(head, ports.clock.wallMs()), body };
}
