/**
 * For every state and every fact of a connection: is the fact acted on, or ignored, and why is that right?
 *
 * Decides nothing; it is the written answer that a reviewer reads and that test/property/verdicts.test.ts holds against
 * the compiled table, so that no pair is ignored by accident.
 * Layers, the nearest wins: `everywhere`, the state's row, the kind's row (HTTP has one), the leaf's row.
 * Read first: `machine.ts`.
 */
import type { ConnectionFactType } from './events.ts';
import type { guards } from './updates.ts';

/** Every leaf of the chart, in document order. */
export const connectionLeaves = [
  'ACCEPTED',
  'SNIFFING.PROXY_HEADER',
  'SNIFFING.IDENTIFIED',
  'SNIFFING.SILENT',
  'SNIFFING.PREFACE',
  'SNIFFING.SERVER_FIRST',
  'SNIFFING.TLS_HANDSHAKE',
  'SNIFFING.INNER_SILENT',
  'SNIFFING.INNER_PREFACE',
  'SNIFFING.INNER_SERVER_FIRST',
  'DIALING.QUEUED',
  'DIALING.ATTEMPTING.RESOLVING',
  'DIALING.ATTEMPTING.CONNECTING',
  'DIALING.ATTEMPTING.SECURING',
  'DIALING.BACKING_OFF',
  'ESTABLISHED.TUNNEL.ACTIVE',
  'ESTABLISHED.TUNNEL.IDLING',
  'ESTABLISHED.HTTP.WAITING',
  'ESTABLISHED.HTTP.BUSY',
  'ESTABLISHED.HTTP.LAST_EXCHANGE',
  'ESTABLISHED.HANDLER.ACTIVE',
  'ESTABLISHED.HANDLER.IDLING',
  'HALF_CLOSED.DOWNSTREAM_ENDED',
  'HALF_CLOSED.UPSTREAM_ENDED',
  'HALF_CLOSED.FLUSHING',
  'HALF_CLOSED.FINISHING',
  'HALF_CLOSED.LINGERING',
  'HALF_CLOSED.REFUSING',
  'CLOSED',
] as const;

export type ConnectionLeaf = (typeof connectionLeaves)[number];

type StateOf<Leaf> = Leaf extends `${infer State}.${string}` ? State : Leaf;
/** The six. */
export type ConnectionState = StateOf<ConnectionLeaf>;

/**
 * `handled`: the leaf or a parent has a transition that is always taken and does something. `handledWhen`: every transition has a guard;
 * `ignored` then says why the fact is ignored when the guard is false.
 */
export type Verdict =
  | 'handled'
  | { readonly ignored: string }
  | { readonly handledWhen: keyof typeof guards; readonly ignored: string };

type Row = Readonly<Partial<Record<ConnectionFactType, Verdict>>>;

/** What becomes of a fact in a leaf. Total. */
export function verdictOf(leaf: ConnectionLeaf, fact: ConnectionFactType): Verdict {
  if (leaf === 'CLOSED') return final;
  return leafRows[leaf][fact] ?? kindRow(leaf)[fact] ?? stateRows[stateOfLeaf(leaf)][fact] ?? everywhere[fact];
}

const noPeek = { ignored: 'the peek is over: its answer was given, or nobody wants it any more' } as const;
const identified = { ignored: 'the client is known already, by its header or by its socket' } as const;
const noPlace = { ignored: 'no place is waited for: it was granted, or given up' } as const;
const noHandshake = { ignored: 'no handshake with the client is under way' } as const;
const noDial = {
  ignored: 'no attempt is under way: it was cancelled or has ended, and nothing of it is left',
} as const;
const noUpstream = { ignored: 'there is no upstream leg that anybody listens to' } as const;
const admitted = { ignored: 'admission is decided once, and was' } as const;
const noService = { ignored: 'no HTTP service has this stream, now or any more' } as const;

/** Holds wherever nothing nearer says otherwise. A new fact needs a line here. */
const everywhere: Readonly<Record<ConnectionFactType, Verdict>> = {
  'admission.granted': admitted,
  'admission.refused': admitted,
  'proxyHeader.read': identified,
  'client.identified': identified,
  'preface.received': noPeek,
  'sniff.routed': noPeek,
  'sniff.failed': noPeek,
  'tls.chosen': noPeek,
  'tls.secured': noHandshake,
  'place.granted': noPlace,
  'place.lost': noPlace,
  'dial.postponed': noDial,
  'dial.resolved': noDial,
  'dial.connected': noDial,
  'dial.succeeded': noDial,
  'dial.failed': noDial,
  'downstream.ended': 'handled',
  'upstream.ended': noUpstream,
  'downstream.failed': 'handled',
  'upstream.failed': noUpstream,
  'splice.flushed': { ignored: 'nothing is joined yet, so nothing can be done with it' },
  'refusal.skipped': { ignored: 'no refusal is being written' },
  'bytes.flowed': { ignored: 'the deadlines of this state are absolute: bytes do not extend them' },
  'exchange.opened': noService,
  'exchange.closed': noService,
  'service.finished': noService,
  'service.failed': noService,
  'service.flushed': noService,
  'connection.upgraded': noService,
  'drain.requested': { ignored: 'what is under way runs on; the drain deadline of the proxy sends kill.requested' },
  'kill.requested': 'handled',
};

const noOtherHello = {
  ignored:
    'a client hello is looked at in clear text only, and there is one; a banner is sent to clients that say nothing',
} as const;
const notAdmittedYet = {
  ignored: 'nobody has asked who the client is: that is the first thing after admission',
} as const;
const notPeekedYet = { ignored: 'no peek has begun: that comes after admission' } as const;
const notQueuedYet = { ignored: 'no place is waited for: the route is not known' } as const;
const notDialledYet = { ignored: 'no attempt has begun: the route is not known' } as const;
const alreadyKnown = {
  ignored: 'this end is the reason for the state; a leg tells it again only before its bytes were taken',
} as const;
const countedAsDone = {
  ignored: 'that side has ended already, or its input is discarded and its direction counts as done',
} as const;
const final = { ignored: 'CLOSED is final: everything was let go of, and late facts change nothing' } as const;

const stateRows: Readonly<Record<ConnectionState, Row>> = {
  ACCEPTED: {
    'admission.granted': 'handled',
    'admission.refused': 'handled',
    'preface.received': notPeekedYet,
    'sniff.routed': notPeekedYet,
    'sniff.failed': notPeekedYet,
    'tls.chosen': notPeekedYet,
    'proxyHeader.read': notAdmittedYet,
    'client.identified': notAdmittedYet,
    'place.granted': notQueuedYet,
    'place.lost': notQueuedYet,
    'dial.postponed': notDialledYet,
    'dial.resolved': notDialledYet,
    'dial.connected': notDialledYet,
    'dial.succeeded': notDialledYet,
    'dial.failed': notDialledYet,
    'downstream.ended': {
      handledWhen: 'hasSentNothing',
      ignored: 'the leg holds bytes that came before the FIN; it tells the FIN again once they were taken',
    },
  },
  SNIFFING: {
    'preface.received': 'handled',
    'sniff.routed': 'handled',
    'sniff.failed': 'handled',
    'tls.chosen': noOtherHello,
    'place.granted': notQueuedYet,
    'place.lost': notQueuedYet,
    'dial.postponed': notDialledYet,
    'dial.resolved': notDialledYet,
    'dial.connected': notDialledYet,
    'dial.succeeded': notDialledYet,
    'dial.failed': notDialledYet,
    'downstream.ended': {
      handledWhen: 'hasSentNothing',
      ignored: 'what came before the FIN is being looked at; the leg tells the FIN again once it was taken',
    },
  },
  DIALING: {
    'downstream.ended': {
      handledWhen: 'hasLeft',
      ignored: 'held by the leg; replayed when the splice starts',
    },
  },
  ESTABLISHED: {
    'upstream.ended': 'handled',
    'upstream.failed': 'handled',
    'splice.flushed': { ignored: 'both directions are done only after both sides ended, and that is told first' },
    'bytes.flowed': 'handled',
  },
  HALF_CLOSED: {
    'upstream.ended': 'handled',
    'upstream.failed': 'handled',
    'splice.flushed': { ignored: 'one direction is still open; its end is told first' },
    'bytes.flowed': 'handled',
  },
  CLOSED: {},
};

const notJoined = { ignored: 'exchanges have upstreams of their own, which tell them and not the connection' } as const;
const oneIsLive = { ignored: 'told only where no exchange was live, and one is' } as const;
const noneIsLive = { ignored: 'no exchange is live, so none can end or hand its legs over' } as const;
const notEnded = { ignored: 'the service has not been asked to end, so nothing of its end can be known' } as const;

/** Leaves of ESTABLISHED in which requests are served. */
const httpRow: Row = {
  'upstream.ended': notJoined,
  'upstream.failed': notJoined,
  'splice.flushed': { ignored: 'nothing is joined while requests are served' },
  'bytes.flowed': { ignored: 'keepAlive is absolute, and a live exchange is told of its own bytes' },
  'exchange.opened': oneIsLive,
  'exchange.closed': 'handled',
  'service.finished': 'handled',
  'service.failed': 'handled',
  'service.flushed': notEnded,
  'connection.upgraded': 'handled',
};

const isOver = { ignored: 'the service has been ended; what is still live in it cannot change that' } as const;
const isDelivered = { ignored: 'everything was handed over, so nothing that is told of it matters' } as const;
const isEnding = { ignored: 'it ends already, and after nothing but what it has written' } as const;

/** Leaves of HALF_CLOSED in which the service is over. */
const serviceOver: Row = {
  'upstream.ended': notJoined,
  'upstream.failed': notJoined,
  'splice.flushed': { ignored: 'nothing is joined, and the service tells service.flushed' },
  'exchange.opened': isOver,
  'exchange.closed': isOver,
  'service.finished': isOver,
  'connection.upgraded': isOver,
  'drain.requested': isEnding,
};

const endpointFound = { ignored: 'an endpoint was found and is being dialled, so nothing is waited for' } as const;
const attempting: Row = {
  'dial.postponed': endpointFound,
  'dial.succeeded': 'handled',
  'dial.failed': 'handled',
};
const connected = { ignored: 'the upstream of this attempt is reached' } as const;
const resolved = { ignored: 'the address of this attempt is known' } as const;

const headerFirst = { ignored: 'what the client says is looked at once it is known who it is' } as const;
const unidentified: Row = {
  'client.identified': { ignored: 'nobody was asked about the client: its PROXY header comes first' },
  'preface.received': headerFirst,
  'sniff.routed': { ignored: 'nobody is routed before it is known who it is' },
  'tls.chosen': headerFirst,
};

/** A new leaf needs a line here, if only an empty one. */
const leafRows: Readonly<Record<ConnectionLeaf, Row>> = {
  ACCEPTED: {},
  'SNIFFING.PROXY_HEADER': { ...unidentified, 'proxyHeader.read': 'handled' },
  'SNIFFING.IDENTIFIED': { ...unidentified, 'client.identified': 'handled' },
  'SNIFFING.SILENT': { 'tls.chosen': 'handled' },
  'SNIFFING.PREFACE': { 'tls.chosen': 'handled' },
  'SNIFFING.SERVER_FIRST': {},
  'SNIFFING.TLS_HANDSHAKE': {
    'preface.received': { ignored: 'nothing is looked at during a handshake' },
    'sniff.routed': { ignored: 'nobody is routed in the middle of a handshake' },
    'tls.secured': 'handled',
  },
  'SNIFFING.INNER_SILENT': {},
  'SNIFFING.INNER_PREFACE': {},
  'SNIFFING.INNER_SERVER_FIRST': {},
  'DIALING.QUEUED': { 'place.granted': 'handled', 'place.lost': 'handled' },
  'DIALING.ATTEMPTING.RESOLVING': {
    ...attempting,
    'dial.postponed': 'handled',
    'dial.resolved': 'handled',
    'dial.connected': 'handled',
  },
  'DIALING.ATTEMPTING.CONNECTING': { ...attempting, 'dial.resolved': resolved, 'dial.connected': 'handled' },
  'DIALING.ATTEMPTING.SECURING': { ...attempting, 'dial.resolved': resolved, 'dial.connected': connected },
  'DIALING.BACKING_OFF': {},
  'ESTABLISHED.TUNNEL.ACTIVE': {},
  'ESTABLISHED.TUNNEL.IDLING': {},
  'ESTABLISHED.HTTP.WAITING': {
    'exchange.opened': 'handled',
    'exchange.closed': noneIsLive,
    'connection.upgraded': noneIsLive,
    'drain.requested': 'handled',
  },
  'ESTABLISHED.HTTP.BUSY': { 'drain.requested': 'handled' },
  'ESTABLISHED.HTTP.LAST_EXCHANGE': {
    'downstream.ended': { ignored: 'no request follows already, and what is under way gets its answer' },
    'drain.requested': { ignored: 'no request follows already, and what is under way gets its answer' },
  },
  'ESTABLISHED.HANDLER.ACTIVE': {},
  'ESTABLISHED.HANDLER.IDLING': {},
  'HALF_CLOSED.DOWNSTREAM_ENDED': { 'downstream.ended': alreadyKnown },
  'HALF_CLOSED.UPSTREAM_ENDED': { 'upstream.ended': alreadyKnown },
  'HALF_CLOSED.FLUSHING': {
    'downstream.ended': countedAsDone,
    'upstream.ended': countedAsDone,
    'splice.flushed': 'handled',
  },
  'HALF_CLOSED.FINISHING': {
    ...serviceOver,
    'downstream.ended': {
      ignored: 'it still gets what was written; the service tells the FIN again after service.flushed',
    },
    'service.failed': 'handled',
    'service.flushed': 'handled',
  },
  'HALF_CLOSED.LINGERING': {
    ...serviceOver,
    'bytes.flowed': { ignored: 'linger is absolute: a client that trickles does not extend it' },
    'service.failed': isDelivered,
    'service.flushed': isDelivered,
  },
  'HALF_CLOSED.REFUSING': {
    'downstream.ended': { ignored: 'counted by the splice; splice.flushed follows' },
    'upstream.ended': noUpstream,
    'upstream.failed': noUpstream,
    'splice.flushed': 'handled',
    'refusal.skipped': 'handled',
    'bytes.flowed': { ignored: 'linger is absolute: a client that trickles does not extend it' },
  },
  CLOSED: {},
};

const nothingMore: Row = {};

function kindRow(leaf: ConnectionLeaf): Row {
  return leaf.startsWith('ESTABLISHED.HTTP.') ? httpRow : nothingMore;
}

function stateOfLeaf(leaf: ConnectionLeaf): ConnectionState {
  const [state] = leaf.split('.');
  return states.find((one) => one === state) ?? 'CLOSED';
}

const states: readonly ConnectionState[] = ['ACCEPTED', 'SNIFFING', 'DIALING', 'ESTABLISHED', 'HALF_CLOSED', 'CLOSED'];
