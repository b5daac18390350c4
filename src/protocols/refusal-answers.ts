/**
 * What a refused client is told, by close reason: HTTP status, Proxy-Status error type, TLS alert, SQLSTATE, a sentence.
 *
 * Decides: whose fault it looks like from the client's side. 4xx where another request could be served, 502 and 504 where
 * the upstream or the way to it failed, 503 where trying again later makes sense. A reason that cannot meet a client
 * that is still listening has the answer of an internal error.
 * Error types are those that RFC 9209 §2.3 registers; SQLSTATEs those of PostgreSQL, appendix A.
 */
import type { CloseReason } from '../machines/connection/close-reason.ts';

export interface RefusalAnswer {
  readonly status: 400 | 403 | 404 | 408 | 429 | 500 | 502 | 503 | 504;
  readonly proxyError: string;
  readonly alert: 'unrecognized_name' | 'handshake_failure' | 'decode_error' | 'access_denied' | 'internal_error';
  readonly sqlState: string;
  /** ASCII, one line, no full stop. */
  readonly says: string;
}

/** Total: every reason has an answer. */
export function answerFor(reason: CloseReason): RefusalAnswer {
  return answers.get(reason) ?? internalError;
}

const internalError: RefusalAnswer = {
  status: 500,
  proxyError: 'proxy_internal_error',
  alert: 'internal_error',
  sqlState: 'XX000',
  says: 'the connection was ended by the proxy',
};

const denied: RefusalAnswer = {
  status: 403,
  proxyError: 'http_request_denied',
  alert: 'access_denied',
  sqlState: '28000',
  says: 'access is denied',
};

const goingAway: RefusalAnswer = {
  status: 503,
  proxyError: 'destination_unavailable',
  alert: 'internal_error',
  sqlState: '57P01',
  says: 'the service is going away, try again',
};

const unavailable: RefusalAnswer = {
  status: 502,
  proxyError: 'destination_unavailable',
  alert: 'internal_error',
  sqlState: '57P03',
  says: 'the upstream is unavailable',
};

const tooSlow: RefusalAnswer = {
  status: 504,
  proxyError: 'connection_timeout',
  alert: 'internal_error',
  sqlState: '57P03',
  says: 'the upstream did not answer in time',
};

const silent: RefusalAnswer = {
  status: 408,
  proxyError: 'http_request_error',
  alert: 'internal_error',
  sqlState: '57P05',
  says: 'the request did not arrive in time',
};

const answers: ReadonlyMap<CloseReason, RefusalAnswer> = new Map<CloseReason, RefusalAnswer>([
  [
    'refused.route',
    {
      status: 404,
      proxyError: 'destination_not_found',
      alert: 'unrecognized_name',
      sqlState: '08004',
      says: 'no route matches what was asked for',
    },
  ],
  [
    'refused.protocol',
    {
      status: 400,
      proxyError: 'http_request_denied',
      alert: 'handshake_failure',
      sqlState: '08004',
      says: 'this protocol is not served here',
    },
  ],
  ['refused.address', denied],
  ['refused.auth', { ...denied, alert: 'internal_error' }],
  ['route.blocked', denied],
  [
    'refused.capacity',
    {
      status: 503,
      proxyError: 'connection_limit_reached',
      alert: 'internal_error',
      sqlState: '53300',
      says: 'too many connections, try again later',
    },
  ],
  [
    'refused.rate',
    {
      status: 429,
      proxyError: 'http_request_denied',
      alert: 'internal_error',
      sqlState: '53300',
      says: 'too many requests, try again later',
    },
  ],
  ['operator.drained', goingAway],
  ['operator.killed', goingAway],
  ['route.changed', goingAway],
  [
    'downstream.malformed',
    {
      status: 400,
      proxyError: 'http_request_error',
      alert: 'decode_error',
      sqlState: '08P01',
      says: 'the request is malformed',
    },
  ],
  ['handler.failed', { ...internalError, says: 'the handler failed' }],
  ['upstream.refused', { ...unavailable, proxyError: 'connection_refused' }],
  ['upstream.unreachable', unavailable],
  ['upstream.reset', { ...unavailable, proxyError: 'connection_terminated' }],
  ['upstream.truncated', { ...unavailable, proxyError: 'http_response_incomplete' }],
  ['upstream.malformed', { ...unavailable, proxyError: 'http_protocol_error' }],
  ['upstream.tls', { ...unavailable, proxyError: 'tls_protocol_error' }],
  ['upstream.exhausted', { ...unavailable, status: 503, says: 'no upstream is available, try again later' }],
  ['timeout.sniff', silent],
  ['timeout.requestHead', silent],
  ['timeout.requestBody', silent],
  ['timeout.dial', tooSlow],
  ['timeout.dialBudget', tooSlow],
  [
    'timeout.queue',
    { ...tooSlow, status: 503, proxyError: 'connection_limit_reached', says: 'no place became free in time' },
  ],
  ['timeout.response', { ...tooSlow, proxyError: 'http_response_timeout' }],
]);
