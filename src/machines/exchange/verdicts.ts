/**
 * For every state and every fact of an exchange: is the fact acted on, or ignored, and why is that right?
 *
 * Decides nothing; it is the written answer that a reviewer reads and that test/property/exchange-verdicts.test.ts holds
 * against the compiled table, so that no pair is ignored by accident.
 * Layers, the nearest wins: `everywhere`, the state's row, the leaf's row. Read first: `machine.ts`.
 */
import type { ExchangeFactType } from './events.ts';

/** Every leaf of the chart, in document order. */
export const exchangeLeaves = [
  'ACCEPTED',
  'SNIFFING',
  'DIALING.QUEUED',
  'DIALING.ATTEMPTING',
  'DIALING.BACKING_OFF',
  'ESTABLISHED.EXPECTING',
  'ESTABLISHED.SENDING',
  'ESTABLISHED.BLOCKED',
  'ESTABLISHED.EXCHANGING',
  'ESTABLISHED.DELIVERING',
  'ESTABLISHED.TUNNEL',
  'HALF_CLOSED.AWAITING',
  'HALF_CLOSED.RECEIVING',
  'HALF_CLOSED.DELIVERING',
  'HALF_CLOSED.RESPONSE_ENDED',
  'HALF_CLOSED.ANSWERING',
  'HALF_CLOSED.DOWNSTREAM_ENDED',
  'HALF_CLOSED.UPSTREAM_ENDED',
  'CLOSED',
] as const;

export type ExchangeLeaf = (typeof exchangeLeaves)[number];

type StateOf<Leaf> = Leaf extends `${infer State}.${string}` ? State : Leaf;
/** The six. */
export type ExchangeState = StateOf<ExchangeLeaf>;

/** No fact of an exchange is heard only under a guard: where one guard says no, another edge is taken. */
export type ExchangeVerdict = 'handled' | { readonly ignored: string };

type Row = Readonly<Partial<Record<ExchangeFactType, ExchangeVerdict>>>;

/** What becomes of a fact in a leaf. Total. */
export function exchangeVerdictOf(leaf: ExchangeLeaf, fact: ExchangeFactType): ExchangeVerdict {
  if (leaf === 'CLOSED') return final;
  return leafRows[leaf][fact] ?? stateRows[stateOfLeaf(leaf)][fact] ?? everywhere[fact];
}

const headKnown = { ignored: 'the head came once, and the exchange began with it' } as const;
const routed = { ignored: 'who answers is decided once, and was' } as const;
const noClaim = { ignored: 'the pool is not asked now: its answer was taken, or the claim was withdrawn' } as const;
const noAttempt = { ignored: 'no attempt is under way: it was cancelled or has ended' } as const;
const noUpstream = { ignored: 'this exchange has no upstream: it was given back or never acquired' } as const;
const noAnswer = { ignored: 'no answer of our own is being written' } as const;
const requestKnown = { ignored: 'the request is complete already, and what follows is not part of it' } as const;
const final = { ignored: 'CLOSED is final: everything was let go of, and late facts change nothing' } as const;

/** Holds wherever nothing nearer says otherwise. A new fact needs a line here. */
const everywhere: Readonly<Record<ExchangeFactType, ExchangeVerdict>> = {
  'head.received': headKnown,
  'request.continued': { ignored: 'leave to send the body is not what is waited for here' },
  'request.ended': 'handled',
  'request.failed': 'handled',
  'exchange.routed': routed,
  'exchange.answered': routed,
  'place.granted': noClaim,
  'upstream.acquired': noClaim,
  'dial.failed': noAttempt,
  'response.informed': noUpstream,
  'response.began': noUpstream,
  'response.ended': noUpstream,
  'upgrade.accepted': noUpstream,
  'upstream.failed': noUpstream,
  'answer.written': noAnswer,
  'downstream.failed': 'handled',
  'bytes.flowed': { ignored: 'the deadlines of this state are absolute: bytes do not extend them' },
  'upstream.blocked': { ignored: 'no body is on its way to an upstream that could refuse it' },
  'downstream.blocked': { ignored: 'nothing of a response is on its way to the client' },
  'kill.requested': 'handled',
};

const notRouted = { ignored: 'no route is known yet, so nobody was asked for a connection' } as const;
const notBegun = { ignored: 'a response that did not begin can not end' } as const;
const begun = { ignored: 'the final head was passed on; one response has one' } as const;
const lateInterim = { ignored: 'an interim response after the final head means nothing to the client' } as const;
const abandoned = { ignored: 'the upstream was abandoned on entering this state' } as const;
const stillBlocked = { ignored: 'this is the reason for the state; only bytes end it' } as const;
const bothWays = { ignored: 'the response flows too, and its deadline rules whatever the upstream takes' } as const;
const tunnelled = { ignored: 'a tunnel has neither heads nor responses, only bytes and two ends' } as const;
const tunnelBlocked = { ignored: 'in a tunnel a side that takes nothing is silence, and its deadline holds' } as const;

const stateRows: Readonly<Record<ExchangeState, Row>> = {
  ACCEPTED: {
    'head.received': 'handled',
    'request.ended': { ignored: 'a request can not end before its head has arrived' },
    'exchange.routed': { ignored: 'nothing was asked of the routes: the head is not there' },
    'exchange.answered': { ignored: 'nothing was asked of the routes: the head is not there' },
    'place.granted': notRouted,
    'upstream.acquired': notRouted,
    'dial.failed': notRouted,
  },
  SNIFFING: {
    'exchange.routed': 'handled',
    'exchange.answered': 'handled',
    'place.granted': notRouted,
    'upstream.acquired': notRouted,
    'dial.failed': notRouted,
  },
  DIALING: { 'request.continued': 'handled' },
  ESTABLISHED: {
    'response.informed': 'handled',
    'response.began': 'handled',
    'response.ended': notBegun,
    'upgrade.accepted': 'handled',
    'upstream.failed': 'handled',
    'bytes.flowed': 'handled',
  },
  HALF_CLOSED: {
    'request.ended': requestKnown,
    'request.failed': requestKnown,
    'response.informed': lateInterim,
    'response.began': begun,
    'response.ended': 'handled',
    'upgrade.accepted': begun,
    'upstream.failed': 'handled',
    'bytes.flowed': 'handled',
  },
  CLOSED: {},
};

const bothBodies: Row = {
  'response.informed': lateInterim,
  'response.began': begun,
  'response.ended': 'handled',
  'upgrade.accepted': begun,
  'upstream.blocked': bothWays,
};

const halfTunnel: Row = {
  'response.informed': tunnelled,
  'response.began': tunnelled,
  'upgrade.accepted': tunnelled,
  'upstream.blocked': tunnelBlocked,
  'downstream.blocked': tunnelBlocked,
};

/** A new leaf needs a line here, if only an empty one. */
const leafRows: Readonly<Record<ExchangeLeaf, Row>> = {
  ACCEPTED: {},
  SNIFFING: {},
  'DIALING.QUEUED': { 'place.granted': 'handled', 'upstream.acquired': 'handled', 'dial.failed': 'handled' },
  'DIALING.ATTEMPTING': { 'upstream.acquired': 'handled', 'dial.failed': 'handled' },
  'DIALING.BACKING_OFF': {},
  'ESTABLISHED.EXPECTING': {
    'request.continued': 'handled',
    'upstream.blocked': { ignored: 'no body has come; when it does, request.continued is told first' },
  },
  'ESTABLISHED.SENDING': { 'upstream.blocked': 'handled' },
  'ESTABLISHED.BLOCKED': { 'upstream.blocked': stillBlocked },
  'ESTABLISHED.EXCHANGING': { ...bothBodies, 'downstream.blocked': 'handled' },
  'ESTABLISHED.DELIVERING': { ...bothBodies, 'downstream.blocked': stillBlocked },
  'ESTABLISHED.TUNNEL': { ...halfTunnel, 'response.ended': 'handled' },
  'HALF_CLOSED.AWAITING': {
    'response.informed': 'handled',
    'response.began': 'handled',
    'response.ended': notBegun,
    'upgrade.accepted': 'handled',
    'upstream.blocked': {
      ignored: 'the whole request is here, so the deadline of the response rules whatever the upstream takes',
    },
  },
  'HALF_CLOSED.RECEIVING': { 'downstream.blocked': 'handled' },
  'HALF_CLOSED.DELIVERING': { 'downstream.blocked': stillBlocked },
  'HALF_CLOSED.RESPONSE_ENDED': {
    'request.ended': 'handled',
    'request.failed': 'handled',
    'response.informed': abandoned,
    'response.began': abandoned,
    'response.ended': abandoned,
    'upgrade.accepted': abandoned,
    'upstream.failed': abandoned,
    'bytes.flowed': { ignored: 'linger is absolute: a client that trickles does not extend it' },
  },
  'HALF_CLOSED.ANSWERING': {
    'request.ended': 'handled',
    'request.failed': { ignored: 'the client is being answered, and the first reason is the answer' },
    'response.informed': abandoned,
    'response.began': abandoned,
    'response.ended': abandoned,
    'upgrade.accepted': abandoned,
    'upstream.failed': abandoned,
    'answer.written': 'handled',
    'bytes.flowed': { ignored: 'linger is absolute: a client that trickles does not extend it' },
  },
  'HALF_CLOSED.DOWNSTREAM_ENDED': {
    ...halfTunnel,
    'request.ended': { ignored: 'this end is the reason for the state' },
    'request.failed': { ignored: 'the client’s half has ended, and what has ended can not fail' },
  },
  'HALF_CLOSED.UPSTREAM_ENDED': {
    ...halfTunnel,
    'request.ended': 'handled',
    'request.failed': 'handled',
    'response.ended': { ignored: 'this end is the reason for the state' },
  },
  CLOSED: {},
};

function stateOfLeaf(leaf: ExchangeLeaf): ExchangeState {
  const [state] = leaf.split('.');
  return states.find((one) => one === state) ?? 'CLOSED';
}

const states: readonly ExchangeState[] = ['ACCEPTED', 'SNIFFING', 'DIALING', 'ESTABLISHED', 'HALF_CLOSED', 'CLOSED'];
