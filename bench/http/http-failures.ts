/**
 * The words for the first failure of a window, which `load/http-load.c` and `load/tls-load.c` report as a number: a
 * status, or one of their own.
 *
 * Must never do: drift from `enum why` in either.
 */
const words = [
  '',
  'sending failed',
  'no socket or port',
  'the connection was refused',
  'the connection ended before the answer did',
  'the connection was reset',
  'an answer without Content-Length',
  'an answer of another length',
  'more bytes than the answer has',
  'not the frame that was sent',
  'the origin got a request that nobody sent',
  'the origin got more than a frame',
  'too many files',
  'the handshake failed',
  'bytes that nobody sent',
];

/** @returns what follows the count of failures; empty where nothing is known. */
export function failureOf(why: number): string {
  if (why === 0) return '';
  return `, the first: ${why >= 100 ? `status ${why}` : (words[why] ?? `failure ${why}`)}`;
}
