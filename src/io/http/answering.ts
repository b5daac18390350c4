/**
 * What an exchange answers its client by itself: what its route has prepared, or what is said for the reason.
 *
 * Decides when it is written: not before the read that its request came in has been told. For the rest it puts the pure
 * parts of `protocols/http/` together for one exchange. The clock is the proxy's.
 * Read first: `protocols/http/own-answer.ts`.
 */
import type { CloseReason } from '../../machines/connection/close-reason.ts';
import { hasBody, noFields, type HttpProblem } from '../../protocols/http/message.ts';
import { dated, ownAnswer, type OwnAnswer } from '../../protocols/http/own-answer.ts';
import type { Exchange } from './exchange.ts';

export class Answering {
  readonly #exchange: Exchange;
  /** An answer that waits for the end of the read: the rest of its request may be in it. */
  #due: CloseReason | null = null;

  constructor(exchange: Exchange) {
    this.#exchange = exchange;
  }

  /** A failure may wait its turn behind the head of a response; then there is nothing left to answer. */
  answer(reason: CloseReason): void {
    const { hasBegun, head, requester } = this.#exchange;
    if (hasBegun) return this.#exchange.tell({ type: 'kill.requested', reason });
    const isBodyComing = head !== null && hasBody(head) && requester.isTelling;
    if (isBodyComing) this.#due = reason;
    else this.#write(reason);
    return undefined;
  }

  /** The read is over. True: an answer waited for that. */
  settle(): boolean {
    const due = this.#due;
    this.#due = null;
    if (due === null) return false;
    this.#write(due);
    return true;
  }

  #write(reason: CloseReason): void {
    const exchange = this.#exchange;
    const { requester } = exchange;
    requester.discard();
    const answer = answerOf(exchange, reason, exchange.problem);
    exchange.status = answer.head.status;
    requester.respond(answer.head);
    if (exchange.head?.method !== 'HEAD') exchange.responseBody(answer.body, 'owned');
    requester.end(noFields);
    requester.flush();
    exchange.hasAnswered = true;
    exchange.tell({ type: 'answer.written' });
  }
}

/** @param problem of the request; null where it is clean. */
function answerOf(exchange: Exchange, reason: CloseReason, problem: HttpProblem | null): OwnAnswer {
  const { verdict, exchangeId, ports } = exchange;
  const prepared = verdict?.kind === 'answer' && verdict.reason === reason ? verdict.answer : null;
  const asked = verdict?.route?.action.type === 'handler' ? 'handler' : 'upstream';
  const { head, body } = prepared ?? ownAnswer(problem ?? reason, exchangeId, asked);
  return { head: dated(head, ports.clock.wallMs()), body };
}
