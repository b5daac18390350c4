/**
 * The sentences for messages that are not understood, once for requests and once for responses.
 *
 * Decides the status of each. A response that is no clean message is always 502 for the client.
 * Must never do: quote a byte of the message.
 */
import type { HttpProblem } from '../http/message.ts';

/** What the scanners that both directions share have to say. */
export interface SharedProblems {
  readonly lineEnd: HttpProblem;
  readonly name: HttpProblem;
  readonly value: HttpProblem;
  readonly folded: HttpProblem;
  readonly tooManyFields: HttpProblem;
  readonly headTooLong: HttpProblem;
  readonly lineTooLong: HttpProblem;
  readonly connection: HttpProblem;
  readonly chunkSize: HttpProblem;
  readonly chunkLine: HttpProblem;
  readonly chunkEnd: HttpProblem;
  readonly trailersTooLong: HttpProblem;
  readonly tooManyTrailers: HttpProblem;
  readonly framingTrailer: HttpProblem;
  readonly severalLengths: HttpProblem;
  readonly length: HttpProblem;
  readonly lengthAndCoding: HttpProblem;
  readonly endedInHead: HttpProblem;
  readonly endedInBody: HttpProblem;
}

function sharedProblems(kind: 'request' | 'response', peer: 'client' | 'upstream'): SharedProblems {
  const status = kind === 'request' ? 400 : 502;
  const tooLarge = kind === 'request' ? 431 : 502;
  const problem = (detail: string): HttpProblem => ({ status, detail });
  return {
    lineEnd: problem(`a line of the ${kind} head does not end with CR LF`),
    name: problem('a field name is not a token followed by a colon'),
    value: problem('a field value has a control character'),
    folded: problem('a field is folded over several lines'),
    tooManyFields: { status: tooLarge, detail: `the ${kind} has too many fields` },
    headTooLong: { status: tooLarge, detail: `the ${kind} head is too long` },
    lineTooLong: { status: kind === 'request' ? 414 : 502, detail: `the first line of the ${kind} is too long` },
    connection: problem('the Connection field is not a list of tokens'),
    chunkSize: problem('a chunk size is not 1 to 13 hexadecimal digits'),
    chunkLine: problem('a chunk size is followed by something that is no chunk extension, or by too much of it'),
    chunkEnd: problem('a chunk does not end with CR LF where its size says'),
    trailersTooLong: { status: tooLarge, detail: `the trailers of the ${kind} are too long` },
    tooManyTrailers: { status: tooLarge, detail: `the ${kind} has too many trailers` },
    framingTrailer: problem('a trailer would frame or route the message, or hold the connection'),
    severalLengths: problem(`the ${kind} has several Content-Length fields`),
    length: problem('the Content-Length is not 1 to 15 digits'),
    lengthAndCoding: problem(`the ${kind} has both a Content-Length and a Transfer-Encoding`),
    endedInHead: problem(`the ${peer} ended in the middle of a ${kind} head`),
    endedInBody: problem(`the ${peer} ended in the middle of a ${kind} body`),
  };
}

export const requestProblems: SharedProblems = sharedProblems('request', 'client');
export const responseProblems: SharedProblems = sharedProblems('response', 'upstream');
