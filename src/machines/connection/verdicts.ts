/**
 * For every state and every fact of a connection: is the fact acted on, or ignored, and why is that right?
 *
 * Decides nothing; it is the written answer that a reviewer reads and that test/property/verdicts.test.ts holds against
 * the compiled table, so that no pair is ignored by accident.
 * Layers, the nearest wins: `everywhere`, the state's row, the leaf's row. Read first: `machine.ts`.
 */
import type { ConnectionFactType } from './events.ts';
import type { guards } from './updates.ts';

/** Every leaf of the chart, in document order. */
export const connectionLeaves = [
  'ACCEPTED',
  'SNIFFING.SILENT',
  'SNIFFING.PREFACE',
  'SNIFFING.SERVER_FIRST',
  'DIALING.ATTEMPTING.RESOLVING',
  'DIALING.ATTEMPTING.CONNECTING',
  'DIALING.BACKING_OFF',
  'ESTABLISHED.TUNNEL.ACTIVE',
  'ESTABLISHED.TUNNEL.IDLING',
  'HALF_CLOSED.DOWNSTREAM_ENDED',
  'HALF_CLOSED.UPSTREAM_ENDED',
  'HALF_CLOSED.FLUSHING',
  'HALF_CLOSED.REFUSING',
  'CLOSED',
] as const;

export type ConnectionLeaf = (typeof connectionLeaves)[number];

type StateOf<Leaf> = Leaf extends `${infer State}.${string}` ? State : Leaf;
/** The six. */
export type ConnectionState = StateOf<ConnectionLeaf>;

/**
 * `handled`: the leaf or a parent has a transition that is always taken. `handledWhen`: every transition has a guard;
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
  return leafRows[leaf][fact] ?? stateRows[stateOfLeaf(leaf)][fact] ?? everywhere[fact];
}

const noPeek = { ignored: 'the peek is over: its answer was given, or nobody wants it any more' } as const;
const noDial = {
  ignored: 'no attempt is under way: it was cancelled or has ended, and nothing of it is left',
} as const;
const noUpstream = { ignored: 'there is no upstream leg that anybody listens to' } as const;
const admitted = { ignored: 'admission is decided once, and was' } as const;

/** Holds wherever nothing nearer says otherwise. A new fact needs a line here. */
const everywhere: Readonly<Record<ConnectionFactType, Verdict>> = {
  'admission.granted': admitted,
  'admission.refused': admitted,
  'preface.received': noPeek,
  'sniff.routed': noPeek,
  'sniff.failed': noPeek,
  'dial.resolved': noDial,
  'dial.succeeded': noDial,
  'dial.failed': noDial,
  'downstream.ended': 'handled',
  'upstream.ended': noUpstream,
  'downstream.failed': 'handled',
  'upstream.failed': noUpstream,
  'splice.flushed': { ignored: 'nothing is joined yet, so nothing can be done with it' },
  'refusal.skipped': { ignored: 'no refusal is being written' },
  'bytes.flowed': { ignored: 'the deadlines of this state are absolute: bytes do not extend them' },
  'drain.requested': { ignored: 'tunnels run on; the drain deadline of the proxy sends kill.requested' },
  'kill.requested': 'handled',
};

const notPeekedYet = { ignored: 'no peek has begun: that is the first thing after admission' } as const;
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
    'dial.resolved': notDialledYet,
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
    'dial.resolved': notDialledYet,
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

const resolved = { ignored: 'the address of this attempt is known' } as const;

/** A new leaf needs a line here, if only an empty one. */
const leafRows: Readonly<Record<ConnectionLeaf, Row>> = {
  ACCEPTED: {},
  'SNIFFING.SILENT': {},
  'SNIFFING.PREFACE': {},
  'SNIFFING.SERVER_FIRST': {},
  'DIALING.ATTEMPTING.RESOLVING': { 'dial.resolved': 'handled', 'dial.succeeded': 'handled', 'dial.failed': 'handled' },
  'DIALING.ATTEMPTING.CONNECTING': { 'dial.resolved': resolved, 'dial.succeeded': 'handled', 'dial.failed': 'handled' },
  'DIALING.BACKING_OFF': {},
  'ESTABLISHED.TUNNEL.ACTIVE': {},
  'ESTABLISHED.TUNNEL.IDLING': {},
  'HALF_CLOSED.DOWNSTREAM_ENDED': { 'downstream.ended': alreadyKnown },
  'HALF_CLOSED.UPSTREAM_ENDED': { 'upstream.ended': alreadyKnown },
  'HALF_CLOSED.FLUSHING': {
    'downstream.ended': countedAsDone,
    'upstream.ended': countedAsDone,
    'splice.flushed': 'handled',
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

function stateOfLeaf(leaf: ConnectionLeaf): ConnectionState {
  const [state] = leaf.split('.');
  return states.find((one) => one === state) ?? 'CLOSED';
}

const states: readonly ConnectionState[] = ['ACCEPTED', 'SNIFFING', 'DIALING', 'ESTABLISHED', 'HALF_CLOSED', 'CLOSED'];
