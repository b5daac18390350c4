/**
 * What a client is told when the proxy itself answers: status, a sentence with the exchange's id, Proxy-Status.
 *
 * Decides the head and the body; whether the connection goes on afterwards is for whoever writes it.
 * Must never do: echo a byte of the request, or name an upstream. The id is what `explain` takes.
 * Read first: `../refusal-answers.ts`. @see RFC 9110 §15, RFC 9209
 */
import type { CloseReason } from '../../machines/connection/close-reason.ts';
import { answerFor } from '../refusal-answers.ts';
import type { Fields, HttpProblem, ResponseHead } from './message.ts';
import { reasonPhrase } from './reason-phrase.ts';

export interface OwnAnswer {
  readonly head: ResponseHead;
  readonly body: Uint8Array;
}

/**
 * @param reason why there is no other answer; a problem where the request (or, with 502, the response) is unclean.
 * @param exchangeId like `k3f9-12.3`; characters other than visible ASCII are dropped.
 */
export function ownAnswer(reason: CloseReason | HttpProblem, exchangeId: string): OwnAnswer {
  const { status, says, proxyError } = typeof reason === 'string' ? answerFor(reason) : answerToProblem(reason);
  const body = Buffer.from(`${says} (exchange ${exchangeId.replaceAll(/[^\x21-\x7e]/g, '')})\n`, 'latin1');
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
