/**
 * What the chart pages say in words about each state: when it is entered, and which resource exists in it.
 *
 * The rest of a page is read from the machine. A state that is missing here, or here and not in the chart, stops the
 * generator. Read first: `chart-docs.ts`.
 */

export interface StateWords {
  /** "When …" */
  readonly when: string;
  readonly resource: string;
}

export type ChartWords = Readonly<Record<string, StateWords>>;

const both = 'both legs, joined';
const served = 'the downstream leg and the HTTP service that reads it';
const handled = 'the downstream leg and the handler’s, joined';

export const connectionWords: ChartWords = {
  ACCEPTED: {
    when: 'the listener accepted a socket and claimed a slot for it; it waits to be admitted',
    resource: 'the downstream leg and its slot',
  },
  SNIFFING: {
    when: 'the connection is admitted; it is found out who the client is and what for. The first bytes are looked at, and none is consumed but a PROXY header’s and a handshake’s. Left in the same tick where no route needs bytes',
    resource: '+ the peek',
  },
  'SNIFFING.PROXY_HEADER': {
    when: 'the header of whoever is in front of the client is arriving; only where the listener looks for one',
    resource: 'the look for it; no peek',
  },
  'SNIFFING.IDENTIFIED': {
    when: 'the client’s address is known, and its caps and rates are asked; answered in the same tick',
    resource: 'no peek',
  },
  'SNIFFING.SILENT': { when: 'the client has not said anything', resource: 'as SNIFFING' },
  'SNIFFING.PREFACE': { when: 'the client has spoken and more is needed to decide', resource: 'as SNIFFING' },
  'SNIFFING.SERVER_FIRST': {
    when: 'the client waits for a banner; answered in the same tick, if only by waiting on',
    resource: 'as SNIFFING',
  },
  'SNIFFING.TLS_HANDSHAKE': {
    when: 'a route terminates TLS: its certificate is found and the handshake made, inside the same deadline',
    resource: 'the handshake; no peek',
  },
  'SNIFFING.INNER_SILENT': {
    when: 'TLS stands, and the client has said nothing inside of it',
    resource: 'as SNIFFING, of what is inside',
  },
  'SNIFFING.INNER_PREFACE': {
    when: 'the client has spoken inside of TLS and more is needed to decide',
    resource: 'as INNER_SILENT',
  },
  'SNIFFING.INNER_SERVER_FIRST': {
    when: 'the client waits for a banner inside of TLS; answered in the same tick',
    resource: 'as INNER_SILENT',
  },
  DIALING: { when: 'a route with an upstream was chosen', resource: 'the downstream leg' },
  'DIALING.QUEUED': {
    when: 'the route, or every endpoint that may be used, is full; waiting is no attempt',
    resource: '+ the place in the queue',
  },
  'DIALING.ATTEMPTING': { when: 'one attempt is under way', resource: '+ the pending upstream leg' },
  'DIALING.ATTEMPTING.RESOLVING': { when: 'the name of the upstream is being resolved', resource: 'as ATTEMPTING' },
  'DIALING.ATTEMPTING.CONNECTING': { when: 'an address is known and is being connected to', resource: 'as ATTEMPTING' },
  'DIALING.ATTEMPTING.SECURING': {
    when: 'the upstream is reached, and TLS with it is being agreed on',
    resource: 'as ATTEMPTING',
  },
  'DIALING.BACKING_OFF': { when: 'the next attempt waits', resource: 'the downstream leg' },
  ESTABLISHED: { when: 'bytes may flow both ways', resource: 'both legs, or the downstream leg and who serves it' },
  'ESTABLISHED.TUNNEL': {
    when: 'bytes flow as they are, from the start or after an upgrade (101)',
    resource: both,
  },
  'ESTABLISHED.TUNNEL.ACTIVE': { when: 'bytes moved not long ago', resource: both },
  'ESTABLISHED.TUNNEL.IDLING': {
    when: 'the idle deadline is near and `connection.idling` has been told (ADR 0008)',
    resource: both,
  },
  'ESTABLISHED.HTTP': {
    when: 'requests are served, each of them an [exchange](exchange.md) with a chart of its own. Entered anew after the last live one, by the deadlines of the route that was served',
    resource: served,
  },
  'ESTABLISHED.HTTP.WAITING': {
    when: 'no exchange is live: before the first byte, and between two requests',
    resource: served,
  },
  'ESTABLISHED.HTTP.BUSY': {
    when: 'at least one exchange is live; its own chart holds the deadlines, and the leg is looked at meanwhile',
    resource: `${served}; upstreams are the exchanges’`,
  },
  'ESTABLISHED.HTTP.LAST_EXCHANGE': {
    when: 'the live exchanges are the last, because the client has ended or the proxy is drained; they get their answers all the same',
    resource: 'as BUSY',
  },
  'ESTABLISHED.HANDLER': {
    when: 'a socket handler of the embedding program has the client’s stream',
    resource: handled,
  },
  'ESTABLISHED.HANDLER.ACTIVE': { when: 'bytes moved not long ago', resource: handled },
  'ESTABLISHED.HANDLER.IDLING': {
    when: 'the idle deadline is near and `connection.idling` has been told (ADR 0008)',
    resource: handled,
  },
  HALF_CLOSED: {
    when: 'one direction is finished; or both are and bytes are being flushed; or a refusal is being delivered',
    resource: 'both legs, or one',
  },
  'HALF_CLOSED.DOWNSTREAM_ENDED': {
    when: 'the client sent FIN; the upstream or the handler may still speak',
    resource: both,
  },
  'HALF_CLOSED.UPSTREAM_ENDED': {
    when: 'the upstream or the handler ended; the client may still speak',
    resource: both,
  },
  'HALF_CLOSED.FLUSHING': {
    when: 'nothing more is to come that anybody wants, and what was taken is still being written',
    resource: 'what is left of both legs',
  },
  'HALF_CLOSED.FINISHING': {
    when: 'the HTTP service is over, FIN follows what it wrote, and that is still being sent',
    resource: 'the downstream leg and what the service has left',
  },
  'HALF_CLOSED.LINGERING': {
    when: 'the client was sent everything, and gets `linger` to end its side instead of a reset',
    resource: 'the downstream leg',
  },
  'HALF_CLOSED.REFUSING': {
    when: 'the client is told no in its own protocol, and gets `linger` to read it instead of a reset',
    resource: 'the downstream leg',
  },
  CLOSED: {
    when: 'it is over. Entering it is the only place that releases anything, and it is entered once',
    resource: 'nothing; the ledger waits for the operating system to close what was let go',
  },
};

export const proxyWords: ChartWords = {
  IDLE: { when: 'nothing has been asked for', resource: 'nothing' },
  STARTING: { when: 'the listeners are being bound, all or none', resource: 'listeners, as far as they are bound' },
  RUNNING: {
    when: 'connections are admitted; its life is the embedder’s to end, so it has no deadline',
    resource: 'listeners and connections',
  },
  DRAINING: { when: 'nothing new is admitted and the live may finish', resource: 'connections' },
  'DRAINING.WAITING': {
    when: 'the drain runs; entered again by a request that ends it sooner',
    resource: 'connections',
  },
  KILLING: { when: 'what is left is being ended', resource: 'connections' },
  RELEASING: {
    when: 'every chart is at CLOSED, and the operating system has handles left to close',
    resource: 'handles in the ledger',
  },
  STOPPED: { when: 'nothing is left', resource: 'nothing' },
};
