/**
 * What the pages of the exchange chart and of the pooled chart say in words about each state.
 *
 * The rest of a page is read from the machine. A state that is missing here, or here and not in the chart, stops the
 * generator. Read first: `chart-docs.ts`, `chart-words.ts`.
 */
import type { ChartWords } from './chart-words.ts';

const client = 'the client’s side of the exchange';
const lent = '+ a connection to the upstream, this exchange’s own';

export const exchangeWords: ChartWords = {
  ACCEPTED: { when: 'the head of the request is arriving', resource: client },
  SNIFFING: {
    when: 'a route is being chosen and the client asked for its name. Left in the same tick where nobody has to be asked',
    resource: '+ the question to whoever knows',
  },
  DIALING: { when: 'a route with an upstream or an HTTP handler was chosen', resource: client },
  'DIALING.QUEUED': {
    when: 'the pool has been asked, and has neither a connection nor a place; left in the same tick where it has',
    resource: '+ the claim on the pool',
  },
  'DIALING.ATTEMPTING': {
    when: 'the pool has granted a place and a connection is being made in it',
    resource: '+ the place, and the pending upstream leg',
  },
  'DIALING.BACKING_OFF': { when: 'the next attempt waits', resource: client },
  ESTABLISHED: { when: 'the request is still being sent, or the exchange has become a tunnel', resource: lent },
  'ESTABLISHED.EXPECTING': {
    when: 'the client waits for leave to send its body (`Expect: 100-continue`): it is the upstream’s turn',
    resource: lent,
  },
  'ESTABLISHED.SENDING': { when: 'the body is arriving: it is the client’s turn', resource: lent },
  'ESTABLISHED.BLOCKED': { when: 'the body is there and the upstream does not take it', resource: lent },
  'ESTABLISHED.EXCHANGING': { when: 'both bodies flow at once', resource: lent },
  'ESTABLISHED.DELIVERING': {
    when: 'both bodies flow, and the client does not take the response that is there',
    resource: lent,
  },
  'ESTABLISHED.TUNNEL': {
    when: 'the exchange has become a tunnel inside its connection (RFC 8441). After a 101 on HTTP/1.1 the connection itself does',
    resource: lent,
  },
  HALF_CLOSED: { when: 'one side’s message is complete, or an answer of ours is being written', resource: 'as below' },
  'HALF_CLOSED.AWAITING': { when: 'the request is complete and nothing of the response has arrived', resource: lent },
  'HALF_CLOSED.RECEIVING': { when: 'the request is complete and the response is arriving', resource: lent },
  'HALF_CLOSED.DELIVERING': { when: 'the response is there and the client does not take it', resource: lent },
  'HALF_CLOSED.RESPONSE_ENDED': {
    when: 'the client has the whole response and still sends its request, which is dropped for `linger`',
    resource: client,
  },
  'HALF_CLOSED.ANSWERING': {
    when: 'we answer ourselves. Left in the same tick where the client’s side takes the answer',
    resource: client,
  },
  'HALF_CLOSED.DOWNSTREAM_ENDED': { when: 'the client’s half of a tunnel is over', resource: lent },
  'HALF_CLOSED.UPSTREAM_ENDED': { when: 'the upstream’s half of a tunnel is over', resource: lent },
  CLOSED: {
    when: 'it is over. Entering it is the only place that releases anything; the pool gets the upstream back where both messages are complete',
    resource: 'nothing',
  },
};

const leg = 'the upstream leg';

export const pooledWords: ChartWords = {
  LENT: {
    when: 'an exchange has it, or several do (HTTP/2). Their deadlines hold it; its own only looks whether the leg still lives',
    resource: leg,
  },
  IDLE: { when: 'nobody has it', resource: leg },
  LEAVING: { when: 'whoever has it may finish, and nobody else gets it', resource: leg },
  CLOSED: { when: 'it is over. Entering it is the only place that lets go of the leg', resource: 'nothing' },
};
