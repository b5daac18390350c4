/**
 * What a client is told when the proxy itself answers: status, a sentence with the exchange's id, Proxy-Status.
 *
 * Decides the head and the body; whether the connection goes on afterwards is for whoever writes it.
 * Must never do: read a clock, echo a byte of the request, or name an upstream. The id is what `explain` takes.
 * Read first: `../refusal-answers.ts`. @see RFC 9110 §15, RFC 9209
 */
import type { CloseReason } from '../../machines/connection/close-reason.ts';
import { answerFor } from '../refusal-answers.ts';
import { fieldValue } from './fields.ts';
import type { Fields, HttpProblem, ResponseHead } from './message.ts';
import { reasonPhrase } from './reason-phrase.ts';

export interface OwnAnswer {
  readonly head: ResponseHead;
  readonly body: Uint8Array;
}

/**
 * @param reason why there is no other answer; a problem where the request (or, with 502, the response) is unclean.
 * @param exchangeId like `k3f9-12.3`; characters other than visible ASCII are dropped.
 * @param asked who was to answer: an upstream, or a handler of the embedding program.
 */
export function ownAnswer(
  reason: CloseReason | HttpProblem,
  exchangeId: string,
  asked: 'upstream' | 'handler' = 'upstream',
): OwnAnswer {
  const { status, says, proxyError } = typeof reason === 'string' ? answerFor(reason) : answerToProblem(reason);
  const said = asked === 'handler' ? says.replace('the upstream', 'the handler') : says;
  const body = Buffer.from(`${said} (exchange ${exchangeId.replaceAll(/[^\x21-\x7e]/g, '')})\n`, 'latin1');
  return {
    head: {
      status,
      version: '1.1',
      reason: reasonPhrase(status),
      fields: fieldsFor(status, proxyError),
      body: { kind: 'length', bytes: body.length },
      upgrade: null,
      announcedBytes: null,
      isPersistent: true,
    },
    body,
  };
}

/**
 * With a Date, where it has none of its own. @see RFC 9110 §6.6.1
 * @param wallMs milliseconds since 1970-01-01T00:00:00Z
 */
export function dated(head: ResponseHead, wallMs: number): ResponseHead {
  if (fieldValue(head.fields, 'date') !== null) return head;
  return { ...head, fields: ['Date', dateText(wallMs), ...head.fields] };
}

/** The text of the second that was asked for last, and usually is asked for again. */
let lastDate = { second: Number.NaN, text: '' };

/** IMF-fixdate. @see RFC 9110 §5.6.7 */
export function dateText(wallMs: number): string {
  const second = Math.floor(wallMs / 1000);
  if (second !== lastDate.second) lastDate = { second, text: new Date(second * 1000).toUTCString() };
  return lastDate.text;
}

function answerToProblem({ status, detail }: HttpProblem): { status: number; says: string; proxyError: string } {
  return { status, says: detail, proxyError: status === 502 ? 'http_protocol_error' : 'http_request_error' };
}

function fieldsFor(status: number, proxyError: string): Fields {
  const fields = [
    'Content-Type',
    'text/plain; charset=utf-8',
    'Cache-Control',
    'no-store',
    'Proxy-Status',
    `sallyport; error=${proxyError}`,
  ];
  // RFC 9110 §15.5.6 asks for it. These are the methods that RFC 9110 and 5789 define, less those that are refused.
  if (status === 405) fields.push('Allow', 'GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS');
  return fields;
}
